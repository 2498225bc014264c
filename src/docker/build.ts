import { Readable } from "node:stream";
import type { BuildRequest, BuiltImage, ImageFacts } from "../domain/engine.ts";
import { formatBytes } from "../domain/size.ts";
import { buildContext } from "./build-context.ts";
import type { BuildCgroups } from "./build-cgroup.ts";
import type { DockerClient } from "./client.ts";
import { guardDisk, noDiskGuard } from "./disk-guard.ts";
import { deployFailed, dockerMessage, hasStatus } from "./errors.ts";
import { ownershipLabels } from "./labels.ts";
import { createLineSplitter } from "./line-splitter.ts";
import { type ProgressError, readProgress } from "./progress.ts";

/** Sending a large context counts here: the engine answers when it has the whole of it. */
const startDeadlineMs = 5 * 60_000;
const cpuPeriodMicros = 100_000;
const maxLayers = 1000;

interface Deps {
  client: DockerClient;
  cgroups: BuildCgroups;
  inspectImage(reference: string): Promise<ImageFacts | null>;
  /** Where the engine keeps images, as this host sees it; null when it is another machine's. */
  imageFolder(): Promise<string | null>;
  /** See `createImages`. */
  removeUnnamed(imageIds: string[], sinceMs: number): Promise<void>;
}

/** The builder colours what commands print to stderr, write by write; the colours are its own, not theirs. */
const withoutColour = (text: string): string =>
  text.startsWith("\x1b[91m") && text.endsWith("\x1b[0m") ? text.slice(5, -4) : text;

/** The image that a step needs: `Step 1/3 : FROM node:22 AS build`, `Step 2/3 : COPY --from=golang …`. */
const imageOfStep = (step: string): string | null =>
  /^Step \d+\/\d+ : (?:FROM (?:--\S+ )*(\S+)|(?:COPY|ADD) .*--from=(\S+))/i
    .exec(step)
    ?.slice(1)
    .find(Boolean) ?? null;

/** The layer that a step ended with: ` ---> 0123456789ab`. What a command prints may look the same. */
const layerOf = (text: string): string | null => /^ ---> ([0-9a-f]{12})\n$/.exec(text)?.[1] ?? null;

/**
 * Why a build failed, for people. Exit 137 is SIGKILL, which is all that the classic builder tells of an OOM
 * kill; and where an image cannot be pulled it may only say which host was not found.
 */
const failure = (error: ProgressError, step: string, { limits }: BuildRequest) => {
  if (error.code === 137)
    return deployFailed(
      `the build was killed, most likely by its memory limit of ${formatBytes(limits.memoryBytes)}: ${error.message}`,
    );
  const image = imageOfStep(step);
  return deployFailed(
    image && error.code === null && !error.message.includes(image)
      ? `the image ${image} is not on this server and could not be pulled: ${error.message}`
      : error.message,
  );
};

/**
 * Builds with Docker's classic builder: it holds memory and CPU limits per build, which BuildKit ignores, and
 * its log is plain text. The context goes up as a stream; aborting ends the build and its container at once.
 */
export const createBuild =
  ({ client, cgroups, inspectImage, imageFolder, removeUnnamed }: Deps) =>
  async (request: BuildRequest): Promise<BuiltImage> => {
    const { limits, owner, tag } = request;
    request.signal.throwIfAborted();
    const folder = limits.diskBytes === undefined ? null : await imageFolder();
    const disk = folder ? await guardDisk(folder, { maxFallBytes: limits.diskBytes! }) : noDiskGuard;
    const signal = AbortSignal.any([request.signal, disk.signal]);
    const cgroup = await cgroups.open(limits);
    const layers: string[] = [];
    const startedMs = Date.now();
    try {
      const { contextDir, dockerfile } = request;
      const context = await buildContext(
        contextDir,
        dockerfile,
        ownershipLabels(owner),
        request.network.name,
        signal,
      );
      const options = {
        version: "1" as const,
        dockerfile: context.dockerfile,
        t: tag,
        memory: limits.memoryBytes,
        memswap: limits.memoryBytes,
        cpuperiod: cpuPeriodMicros,
        cpuquota: Math.round((limits.cpuMillicores / 1000) * cpuPeriodMicros),
        networkmode: request.network.name,
        labels: context.labels,
        rm: true,
        forcerm: true,
        nocache: false,
        pull: false,
        ...(cgroup.parent === null ? {} : { cgroupparent: cgroup.parent }),
      };
      const tar = Readable.from(context.tar);
      const stream = await client.open(
        "build",
        (docker) =>
          docker.buildImage(tar, options).catch((error: unknown) => {
            if (hasStatus(error, 400, 404, 500)) throw deployFailed(dockerMessage(error), error);
            throw error;
          }),
        { signal, deadlineMs: startDeadlineMs },
      );
      let step = "";
      const log = createLineSplitter(request.onLog);
      const error = await readProgress(stream, (message) => {
        if (message.stream) {
          if (message.stream.startsWith("Step ")) step = message.stream;
          const layer = layerOf(message.stream);
          if (layer && layers.length < maxLayers) layers.push(layer);
          log.pushText(withoutColour(message.stream));
        } else if (message.status && !message.progress)
          request.onLog(message.id ? `${message.id}: ${message.status}` : message.status);
      });
      log.end();
      signal.throwIfAborted();
      if (error) throw failure(error, step, request);
    } finally {
      disk.stop();
      await cgroup.close();
      if (disk.signal.aborted) await removeUnnamed(layers.toReversed(), startedMs);
    }
    const image = await inspectImage(tag);
    if (!image) throw deployFailed("the build ended without an image");
    return { imageId: image.imageId, sizeBytes: image.sizeBytes, layers: image.layers };
  };
