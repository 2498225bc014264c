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

const memoryOf = (all: readonly Sized[]): number =>
  all.reduce((sum, { replicas, limits }) => sum + replicas.wanted * limits.memoryBytes, 0);

/** The same processes with other numbers of replicas. */
export const scaledTo = <T extends Sized>(all: readonly T[], counts: Scale): T[] =>
  all.map((one) => ({
    ...one,
    replicas: { ...one.replicas, wanted: counts[one.name] ?? one.replicas.wanted },
  }));

/**
 * Whether so many replicas may run: of all processes together, within the memory of the host, and of what may not
 * run twice at a time only one.
 * @throws AppError `invalid_input`, `conflict`
 */
export const checkScale = async (
  { store, hostMemoryBytes }: Pick<SiteDeps, "store" | "hostMemoryBytes">,
  environment: Pick<EnvironmentRecord, "id">,
  before: readonly Sized[],
  after: readonly Sized[],
): Promise<void> => {
  if (after.some(({ name, replicas }) => name === webProcess && replicas.wanted === 0))
    throw invalid(webProcess, "must be 1 to 10; a site that is to rest is stopped");
  const wantedBefore = new Map(before.map(({ name, replicas }) => [name, replicas.wanted]));
  const grown = after.find(({ name, replicas }) => replicas.wanted > (wantedBefore.get(name) ?? 0));
  const together = after.reduce((sum, { replicas }) => sum + replicas.wanted, 0);
  if (grown && together > mostReplicasTogether)
    throw invalid(
      grown.name,
      `would make ${together} replicas of all processes together; at most ${mostReplicasTogether} are allowed`,
    );
  const host = hostMemoryBytes?.() ?? null;
  const memory = memoryOf(after);
  if (host !== null && memory > host && memory > memoryOf(before))
    throw conflict(
      `${together} replicas may use ${formatBytes(memory)} together, more than the ${formatBytes(host)} of this server; lower the memory limit, which is of each replica`,
    );
  const alone =
    (await store.internalEnvironments()).has(environment.id) &&
    (await store.volumesOf(environment.id)).length > 0;
  const several = after.some(
    ({ name, replicas }) => replicas.wanted > 1 && replicas.wanted !== wantedBefore.get(name),
  );
  if (alone && several)
    throw conflict("an internal site with volumes runs once: two at a time would spoil each other's files");
};
