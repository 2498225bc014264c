import type { ReplicaSpec } from "../domain/engine.ts";
import { desiredProcesses, webProcess } from "../domain/process.ts";
import type { ReleaseConfig } from "../domain/release.ts";
import { conflict, notFound } from "../errors.ts";
import type { SupervisorDeps } from "./deps.ts";
import { heldEnvironments } from "./guard-hold.ts";
import { replicaSpec } from "./launch-replica.ts";

/**
 * What a one-off command of a release runs with: as its web process would, within the environment's own limits,
 * beside whatever runs already.
 * @throws AppError `not_found` when site or release are gone; `conflict` while the host guard has paused the site
 */
export const oneOffSpec = async (
  deps: SupervisorDeps,
  environmentId: string,
  releaseId: string,
): Promise<ReplicaSpec> => {
  const environment = await deps.store.environmentById(environmentId);
  const site = environment && (await deps.store.siteById(environment.siteId));
  const release = await deps.store.releaseById(releaseId);
  if (!environment || !site || !release || site.deletedAt !== null) throw notFound("the release's site");
  if ((await heldEnvironments(deps.store)).has(environmentId))
    throw conflict("the site is paused: it took more than its server can give; it goes on by itself");
  const config = JSON.parse(release.config) as ReleaseConfig;
  const { memoryBytes, cpuMillicores, pids } = environment;
  const limits = { memoryBytes, cpuMillicores, pids };
  const all = desiredProcesses(config, environment, await deps.store.processesOf(environmentId));
  const together = all.reduce((sum, { replicas }) => sum + replicas, 1);
  const alike = { name: webProcess, command: null, port: config.port, replicas: 1, limits };
  return replicaSpec(deps, site, environment, release, alike, "one-off", together);
};
