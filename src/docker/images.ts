import type Dockerode from "dockerode";
import type { ImageFacts } from "../domain/engine.ts";
import { AppError } from "../errors.ts";
import type { DockerClient } from "./client.ts";
import { deployFailed, dockerMessage, hasStatus } from "./errors.ts";
import { cacheLabel, imageRepository } from "./labels.ts";
import { readProgress } from "./progress.ts";
import { assertPublicRegistry, withoutBody } from "./registry-host.ts";

const pullStartDeadlineMs = 60_000;
const pruneDeadlineMs = 10 * 60_000;
const unnamedAttempts = 20;

/** `name:tag` to Docker's two fields; a colon before a slash belongs to a registry's port. */
export const splitTag = (reference: string): { repo: string; tag: string } => {
  const colon = reference.lastIndexOf(":");
  return colon > reference.lastIndexOf("/")
    ? { repo: reference.slice(0, colon), tag: reference.slice(colon + 1) }
    : { repo: reference, tag: "latest" };
};

const imageFacts = (info: Dockerode.ImageInspectInfo): ImageFacts => ({
  imageId: info.Id,
  sizeBytes: info.Size,
  layers: info.RootFS?.Layers?.length ?? 0,
  repoTags: info.RepoTags ?? [],
  repoDigests: info.RepoDigests ?? [],
  labels: info.Config?.Labels ?? {},
  exposedPorts: Object.keys(info.Config?.ExposedPorts ?? {})
    .filter((port) => !port.endsWith("/udp") && !port.endsWith("/sctp"))
    .map((port) => Number.parseInt(port, 10))
    .sort((a, b) => a - b),
  onBuild: (info.Config?.OnBuild as string[] | null | undefined) ?? [],
});

/** Images by reference or id; see `Engine`. */
export const createImages = (client: DockerClient, allowRegistries: readonly string[]) => ({
  inspectImage(reference: string): Promise<ImageFacts | null> {
    return client.call("inspect image", (docker) =>
      docker
        .getImage(reference)
        .inspect()
        .then(imageFacts, (error: unknown) => {
          if (hasStatus(error, 404)) return null;
          throw error;
        }),
    );
  },

  async pullImage(reference: string, onLog: (line: string) => void, signal: AbortSignal): Promise<void> {
    await assertPublicRegistry(reference, allowRegistries);
    signal.throwIfAborted();
    const named = reference.includes("@") ? reference : Object.values(splitTag(reference)).join(":");
    const stream = await client.open(
      "pull image",
      (docker) =>
        docker.createImage({ fromImage: named }).catch((error: unknown) => {
          if (hasStatus(error, 400, 403, 404, 500))
            throw deployFailed(
              `${reference} could not be pulled: ${withoutBody(dockerMessage(error))}`,
              error,
            );
          throw error;
        }),
      { signal, deadlineMs: pullStartDeadlineMs },
    );
    const error = await readProgress(stream, (message) => {
      // progress bars repeat by the second; a log wants each layer's states
      if (message.status && !message.progress)
        onLog(message.id ? `${message.id}: ${message.status}` : message.status);
    });
    signal.throwIfAborted();
    if (error) throw deployFailed(`${reference} could not be pulled: ${withoutBody(error.message)}`);
  },

  async tagImage(imageId: string, tag: string): Promise<void> {
    await client.call("tag image", (docker) => docker.getImage(imageId).tag(splitTag(tag)));
  },

  /**
   * Removes those of these images that have no name and were made since. Best effort: one may be the base of
   * another, or of a container that is just being removed, so it is tried for a while.
   */
  async removeUnnamed(imageIds: string[], sinceMs: number): Promise<void> {
    const remove = (id: string): Promise<boolean> =>
      client.call("remove layer", async (docker) => {
        const image = docker.getImage(id);
        const { RepoTags, RepoDigests, Created } = await image.inspect();
        const isNamed = [...(RepoTags ?? []), ...(RepoDigests ?? [])].length > 0;
        if (!isNamed && Date.parse(Created) >= sinceMs) await image.remove({ force: false });
        return true;
      });
    let left = imageIds;
    for (let attempt = 0; attempt < unnamedAttempts && left.length > 0; attempt++) {
      const busy: string[] = [];
      for (const id of left)
        await remove(id).catch((error) => {
          if (error instanceof AppError && error.code === "conflict") busy.push(id);
        });
      left = busy;
      if (left.length > 0) await Bun.sleep(250);
    }
  },

  /** Docker keeps every layer and stage that was ever built; here those go that no image is built upon any more. */
  async pruneBuildCache(network: string, unusedForSeconds: number): Promise<number> {
    const filters = {
      dangling: ["true"],
      label: [`${cacheLabel}=${network}`],
      until: [`${Math.max(1, Math.round(unusedForSeconds))}s`],
    };
    const pruned = await client.call("prune images", (docker) => docker.pruneImages({ filters }), {
      deadlineMs: pruneDeadlineMs,
    });
    return pruned.SpaceReclaimed ?? 0;
  },

  siteImageTags(): Promise<string[]> {
    return client.call("list images", async (docker) =>
      (await docker.listImages({ filters: { reference: [imageRepository("*")] } })).flatMap((image) =>
        (image.RepoTags ?? []).filter((tag) => tag.startsWith(imageRepository(""))),
      ),
    );
  },

  async removeImage(reference: string): Promise<void> {
    await client.call(
      "remove image",
      (docker) =>
        docker
          .getImage(reference)
          .remove({ force: false })
          .catch((error: unknown) => {
            if (!hasStatus(error, 404)) throw error;
          }),
      { deadlineMs: 60_000 },
    );
  },
});
