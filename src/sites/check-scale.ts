import type { ContainerLimits } from "../domain/engine.ts";
import { desiredProcesses, mostReplicasTogether, type Scale, webProcess } from "../domain/process.ts";
import type { EnvironmentRecord } from "../domain/records.ts";
import type { ReleaseConfig } from "../domain/release.ts";
import { formatBytes } from "../domain/size.ts";
import { conflict, invalid } from "../errors.ts";
import type { SiteDeps } from "./deps.ts";

interface Sized {
  name: string;
  replicas: { wanted: number };
  /** Of each replica. */
  limits: ContainerLimits;
}

/** Of the current release, or `web` alone where there is none yet. */
export const sizedProcesses = async (
  store: Pick<SiteDeps["store"], "releaseById" | "processesOf">,
  environment: EnvironmentRecord,
): Promise<Sized[]> => {
  const release = environment.currentReleaseId
    ? await store.releaseById(environment.currentReleaseId)
    : undefined;
  const config = JSON.parse(release?.config ?? "{}") as ReleaseConfig;
  return desiredProcesses(config, environment, await store.processesOf(environment.id)).map(
    ({ name, replicas, limits }) => ({ name, replicas: { wanted: replicas }, limits }),
  );
};

/**
 * Whether so many replicas may run: of all processes together, within the memory of the host, and of what may not
 * run twice at a time only one.
 * @throws AppError `invalid_input`, `conflict`
 */
export const checkScale = async (
  { store, hostMemoryBytes }: Pick<SiteDeps, "store" | "hostMemoryBytes">,
  environment: Pick<EnvironmentRecord, "id">,
  processes: readonly Sized[],
  counts: Scale,
): Promise<void> => {
  if (counts[webProcess] === 0)
    throw invalid(webProcess, "must be 1 to 10; a site that is to rest is stopped");
  const after = processes.map(({ name, replicas, limits }) => ({
    ...{ name, limits },
    count: counts[name] ?? replicas.wanted,
  }));
  const first = Object.keys(counts)[0] ?? webProcess;
  const together = after.reduce((sum, { count }) => sum + count, 0);
  if (together > mostReplicasTogether)
    throw invalid(
      first,
      `would make ${together} replicas of all processes together; at most ${mostReplicasTogether} are allowed`,
    );
  const host = hostMemoryBytes?.() ?? null;
  const memory = after.reduce((sum, { count, limits }) => sum + count * limits.memoryBytes, 0);
  const grows = processes.some(({ name, replicas }) => (counts[name] ?? 0) > replicas.wanted);
  if (grows && host !== null && memory > host)
    throw conflict(
      `${together} replicas may use ${formatBytes(memory)} together, more than the ${formatBytes(host)} of this server; lower the memory limit, which is of each replica`,
    );
  const alone =
    (await store.internalEnvironments()).has(environment.id) &&
    (await store.volumesOf(environment.id)).length > 0;
  if (alone && Object.values(counts).some((count) => count > 1))
    throw conflict("an internal site with volumes runs once: two at a time would spoil each other's files");
};
