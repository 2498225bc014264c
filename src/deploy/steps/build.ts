import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuiltImage } from "../../domain/engine.ts";
import type { BuildRecord } from "../../domain/records.ts";
import { formatBytes } from "../../domain/size.ts";
import { AppError, publicMessageOf } from "../../errors.ts";
import type { DeployDeps } from "../deps.ts";
import { buildTag, type Job, ownerOf } from "../job.ts";
import { checkBaseImage, checkDockerfile } from "../plan/dockerfile-policy.ts";
import { writeIgnoreFile } from "../plan/ignore-file.ts";
import type { BuildPlan } from "../plan/plan-build.ts";
import type { Semaphore } from "../semaphore.ts";
import { waitForRoom } from "./wait-for-room.ts";

export interface SourceImage extends BuiltImage {
  tag: string;
  /** First port that the image exposes, null when none. */
  exposedPort: number | null;
}

type ImagePlan = Exclude<BuildPlan, { kind: "static" }>;

/**
 * Builds an image within the build limits, in a build slot, on a network without a privileged position. The
 * facts of the build are stored whether it succeeds or not.
 */
export const buildImage = async (
  deps: DeployDeps,
  job: Job,
  contextDir: string,
  plan: ImagePlan,
  slots: Semaphore,
): Promise<SourceImage> => {
  const { deployment, journal } = job;
  const text =
    plan.kind === "dockerfile" ? await readFile(join(contextDir, plan.path), "utf8") : plan.dockerfile;
  const { externalImages, exposedPorts } = checkDockerfile(text);
  const release = await slots.acquire(job.signal, job.site.ownerUserId ?? job.site.ownerOrganizationId ?? "");
  try {
    await waitForRoom(deps, job);
  } catch (error) {
    release();
    throw error;
  }
  // From here on: time in the line is nobody's fault.
  const deadline = AbortSignal.timeout(deps.settings.buildDeadlineMs);
  const signal = AbortSignal.any([job.signal, deadline]);
  const startedMs = deps.clock.monotonicMs();
  const tag = buildTag(job);
  let built: BuiltImage | null = null;
  let failure: unknown = null;
  try {
    for (const reference of externalImages) await ensureImage(deps, job, reference, signal);
    const owner = { ...ownerOf(job, deployment.id), role: "build" as const };
    await deps.engine.ensureNetwork(deps.buildNetwork, {
      ...owner,
      site: "",
      environment: "",
      role: "helper",
    });
    if (plan.kind === "generated") await writeIgnoreFile(contextDir, plan.ignore);
    built = await deps.engine.build({
      contextDir,
      dockerfile: plan.kind === "dockerfile" ? { path: plan.path } : { text },
      tag,
      owner,
      limits: deps.settings.buildLimits,
      network: deps.buildNetwork,
      onLog: (line) => journal.write("build", line),
      signal,
    });
    journal.write("build", `image of ${formatBytes(built.sizeBytes)} in ${built.layers} layers`);
    return { ...built, tag, exposedPort: exposedPorts[0] ?? null };
  } catch (cause) {
    failure = deadline.aborted
      ? new AppError(
          "deploy_failed",
          `the build took longer than ${Math.round(deps.settings.buildDeadlineMs / 60_000)} minutes and was ended`,
          { cause },
        )
      : cause;
    throw failure;
  } finally {
    release();
    const durationMs = Math.round(deps.clock.monotonicMs() - startedMs);
    await deps.store.patchDeployment(deployment.id, { buildMs: durationMs });
    await deps.store.saveBuild({
      ...buildFacts(plan, text),
      deploymentId: deployment.id,
      success: built ? 1 : 0,
      exitCode: built ? 0 : exitCodeOf(failure),
      durationMs,
      imageId: built?.imageId ?? null,
      tag: built ? tag : null,
      sizeBytes: built?.sizeBytes ?? null,
      layers: built?.layers ?? null,
      errorExcerpt: failure === null ? null : journal.mask(publicMessageOf(failure)).slice(0, 2000),
    });
  }
};

const buildFacts = (
  plan: ImagePlan,
  text: string,
): Pick<
  BuildRecord,
  "dockerfilePath" | "dockerfileGenerated" | "dockerfile" | "language" | "framework" | "optimisations"
> =>
  plan.kind === "dockerfile"
    ? {
        dockerfilePath: plan.path,
        dockerfileGenerated: 0,
        dockerfile: text.slice(0, 100_000),
        language: null,
        framework: null,
        optimisations: "[]",
      }
    : {
        dockerfilePath: null,
        dockerfileGenerated: 1,
        dockerfile: text,
        language: plan.language,
        framework: plan.framework,
        optimisations: JSON.stringify(plan.optimisations),
      };

/** Builders say `returned a non-zero code: N`. */
const exitCodeOf = (failure: unknown): number | null => {
  const match = /(?:non-zero code|exit code):? (\d+)/.exec(publicMessageOf(failure));
  return match ? Number(match[1]) : null;
};

/** Pulls an outside image when it is not here, and makes sure that the name means no image of another tenant. */
export const ensureImage = async (
  deps: DeployDeps,
  job: Job,
  reference: string,
  signal: AbortSignal,
): Promise<void> => {
  if ((await deps.engine.inspectImage(reference)) === null) {
    job.journal.write("build", `pulling ${reference}`);
    await deps.engine.pullImage(reference, (line) => job.journal.write("build", line), signal);
  }
  const facts = await deps.engine.inspectImage(reference);
  if (!facts) throw new AppError("deploy_failed", `image ${reference} could not be had`);
  checkBaseImage(facts, reference);
};

/** A ready image: a fresh one when its registry answers, otherwise the one that is here. */
export const takeImage = async (deps: DeployDeps, job: Job, reference: string): Promise<SourceImage> => {
  const { journal, signal } = job;
  try {
    await deps.engine.pullImage(reference, (line) => journal.write("build", line), signal);
  } catch (cause) {
    if (signal.aborted || (await deps.engine.inspectImage(reference)) === null) throw cause;
    journal.write("build", `the registry does not answer; using the ${reference} that is here`, "warning");
  }
  const facts = await deps.engine.inspectImage(reference);
  if (!facts) throw new AppError("deploy_failed", `image ${reference} could not be had`);
  checkBaseImage(facts, reference);
  const tag = buildTag(job);
  await deps.engine.tagImage(facts.imageId, tag);
  journal.write("build", `image ${facts.imageId.slice(0, 19)} of ${formatBytes(facts.sizeBytes)}`);
  return { ...facts, tag, exposedPort: facts.exposedPorts[0] ?? null };
};
