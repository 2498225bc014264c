import { chmod, cp, lstat, mkdir, readdir, realpath, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { newId } from "../../domain/id.ts";
import type { ReleaseRecord } from "../../domain/records.ts";
import type { ReleaseConfig } from "../../domain/release.ts";
import { processesToFreeze } from "../../domain/process.ts";
import { healthCheckSchema } from "../../domain/site.ts";
import { AppError } from "../../errors.ts";
import type { DeployDeps } from "../deps.ts";
import type { Job } from "../job.ts";
import { assertFits } from "./fetch.ts";
import type { PlannedProcesses } from "../plan/processes.ts";
import type { SourceImage } from "./build.ts";

export type Built =
  | { kind: "static"; folder: string }
  | { kind: "image"; image: SourceImage; plannedPort: number | null; processes: PlannedProcesses | null };

const defaultPort = 3000;

/** Freezes image, configuration and encrypted env vars into a release that never changes again. */
export const makeRelease = async (deps: DeployDeps, job: Job, built: Built): Promise<ReleaseRecord> => {
  const { deployment, site, environment } = job;
  const nowMs = deps.clock.nowMs();
  const id = newId("rel", nowMs);
  const isStatic = built.kind === "static";
  const sizeBytes = isStatic
    ? await layOutStatic(built.folder, deps.paths.staticRelease(id), environment.diskBytes)
    : built.image.sizeBytes;
  const settings = await deps.store.processesOf(environment.id);
  const planned = isStatic ? null : built.processes;
  const hasWeb = planned?.hasWeb ?? true;
  const processes = isStatic ? [] : processesToFreeze(planned?.others ?? [], settings);
  const linked = new Set((await deps.store.linksOf(environment.id)).map(({ name }) => name));
  const both = processes.find(({ name }) => linked.has(name));
  if (both)
    throw new AppError(
      "deploy_failed",
      `process ${both.name} has the name of a link: its name would mean both; link the other site under another name`,
    );
  const config: ReleaseConfig = {
    kind: isStatic ? "static" : "container",
    imageId: isStatic ? null : built.image.imageId,
    port:
      isStatic || !hasWeb ? null : (site.port ?? built.plannedPort ?? built.image.exposedPort ?? defaultPort),
    startCommand: isStatic ? null : (site.startCommand ?? (planned?.webCommand || null)),
    healthCheck: healthCheckSchema.parse(JSON.parse(environment.healthCheck)),
    hasWeb,
    processes,
  };
  const env = (await deps.store.envVarsOf(environment.id)).map(({ key, ciphertext, isSecret }) => ({
    key,
    ciphertext,
    isSecret,
  }));
  return deps.store.transaction(async (queries) => {
    const release: ReleaseRecord = {
      id,
      environmentId: environment.id,
      number: await queries.nextReleaseNumber(environment.id),
      deploymentId: deployment.id,
      imageId: config.imageId,
      imageTag: isStatic ? null : built.image.tag,
      config: JSON.stringify(config),
      env: JSON.stringify(env),
      sizeBytes,
      createdAt: nowMs,
      retiredAt: null,
    };
    await queries.insertRelease(release);
    await queries.patchDeployment(deployment.id, { releaseId: id });
    return release;
  });
};

/** Dotfiles (.git, .env …) and installed packages are no pages; `.well-known` is meant to be public. */
const isServed = (name: string): boolean =>
  name !== "node_modules" && (!name.startsWith(".") || name === ".well-known");

/**
 * Copies a static site to its release folder. Links are left out: one that points outside would show files of the
 * host, and the edge follows none anyway. @returns bytes
 */
const layOutStatic = async (folder: string, to: string, limitBytes: number): Promise<number> => {
  // The root directory may be a link within the source, as the plan has seen; only what it leads to is copied.
  const from = await realpath(folder);
  assertFits(await folderBytes(from), limitBytes);
  await mkdir(to, { recursive: true });
  await cp(from, to, {
    recursive: true,
    filter: async (source) =>
      source === from || (isServed(basename(source)) && !(await lstat(source)).isSymbolicLink()),
  });
  return openForEdge(to);
};

const folderBytes = async (folder: string): Promise<number> => {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!isServed(entry.name)) continue;
    if (entry.isDirectory()) bytes += await folderBytes(path);
    else if (entry.isFile()) bytes += (await lstat(path)).size;
  }
  return bytes;
};

/** The edge runs as another user: folders and files are made readable to it. @returns bytes */
const openForEdge = async (folder: string): Promise<number> => {
  await chmod(folder, 0o755);
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await openForEdge(path);
    else {
      await chmod(path, 0o644);
      bytes += (await lstat(path)).size;
    }
  }
  return bytes;
};

/** Retires a release and removes what it served from. Idempotent. */
export const discardRelease = async (deps: DeployDeps, release: ReleaseRecord): Promise<void> => {
  await deps.store.retireRelease(release.id, deps.clock.nowMs());
  await discardFolder(deps, release);
  if (release.imageTag) await removeUnusedImage(deps, release.imageTag);
};

/** The folder of a static release. */
export const discardFolder = async (deps: DeployDeps, release: ReleaseRecord): Promise<void> => {
  if (release.imageId === null)
    await rm(deps.paths.staticRelease(release.id), { recursive: true, force: true });
};

export const removeUnusedImage = async (deps: DeployDeps, tag: string): Promise<void> => {
  if (!(await deps.store.imageTagInUse(tag))) await deps.engine.removeImage(tag);
};
