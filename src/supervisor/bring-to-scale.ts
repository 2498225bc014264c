import { type DesiredProcess, desiredProcesses, webProcess } from "../domain/process.ts";
import type { ReleaseRecord, ReplicaRecord } from "../domain/records.ts";
import type { ReleaseConfig } from "../domain/release.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { launchReplica } from "./launch-replica.ts";
import type { ReconcileState } from "./reconcile.ts";
import { restartNext } from "./rolling-restart.ts";
import { runsAlone } from "./scaling.ts";

const retryLaunchMs = 30_000;
/** Other sites are not to wait while one grows: the rest comes with the next pass. */
const mostLaunches = 3;

/** Where an image that cannot start is remembered; of `web` it is also what visitors' waiting goes by. */
const launchKey = (releaseId: string, process: string): string =>
  process === webProcess ? releaseId : `${releaseId}/${process}`;

/**
 * As many replicas of each process as there should be: launches what is missing, drains and stops what is too much.
 * @param present of this release, less those that drain
 * @param leaving whether some of the environment's replicas still are on their way out
 * @returns when the next try is due
 */
export const bringToScale = async (
  deps: SupervisorDeps,
  state: ReconcileState,
  environment: LiveEnvironment,
  releaseId: string,
  present: readonly ReplicaRecord[],
  leaving: boolean,
): Promise<number | null> => {
  const release = await deps.store.releaseById(releaseId);
  if (!release || release.imageId === null) return null;
  const config = JSON.parse(release.config) as ReleaseConfig;
  const { settings, restarts } = state.scaling;
  const alone = await runsAlone(deps.store, state.scaling, environment.id);
  const restart = restarts.get(environment.id) ?? null;
  let nextMs: number | null = null;
  for (const desired of desiredProcesses(config, environment, settings.get(environment.id) ?? [])) {
    const wanted = alone ? Math.min(1, desired.replicas) : desired.replicas;
    const own = present.filter(({ process }) => process === desired.name);
    if (own.length > wanted) state.retire(leastNeeded(own).slice(0, own.length - wanted), true);
    if (own.length >= wanted) {
      if (restart !== null) restartNext(state, restart, own);
      continue;
    }
    // Its data may be written to by one at a time; when they are gone the supervisor looks again.
    if (alone && leaving) continue;
    const dueMs = await launchMissing(deps, state, environment, release, desired, wanted - own.length);
    if (dueMs !== null) nextMs = Math.min(nextMs ?? dueMs, dueMs);
  }
  return nextMs;
};

/** What does not run goes first, then what came last. */
const leastNeeded = (replicas: readonly ReplicaRecord[]): ReplicaRecord[] =>
  replicas.toSorted(
    (a, b) => Number(a.state === "running") - Number(b.state === "running") || b.createdAt - a.createdAt,
  );

const launchMissing = async (
  deps: SupervisorDeps,
  state: ReconcileState,
  environment: LiveEnvironment,
  release: ReleaseRecord,
  desired: DesiredProcess,
  count: number,
): Promise<number | null> => {
  const nowMs = deps.clock.nowMs();
  const key = launchKey(release.id, desired.name);
  const notBeforeMs = state.launchAfterMs.get(key) ?? 0;
  if (notBeforeMs > nowMs) return notBeforeMs;
  for (let i = 0; i < Math.min(count, mostLaunches); i++) {
    // A deployment may have begun since the rows were read; then the replicas are its business.
    const open = await deps.store.openDeployments();
    if (open.some((one) => one.environmentId === environment.id && one.status !== "pending")) return null;
    const now = await deps.store.environmentById(environment.id);
    if (now?.currentReleaseId !== environment.currentReleaseId || now.stoppedReason !== null) return null;
    try {
      const replica = await launchReplica(deps, environment.id, release.id, desired.name);
      state.launchAfterMs.delete(key);
      deps.log.info("started a missing replica", { site: environment.slug, replica: replica.id });
      state.warmUp(environment, replica);
    } catch (error) {
      deps.log.warn("a missing replica could not be started", { site: environment.slug, error });
      state.launchAfterMs.set(key, nowMs + retryLaunchMs);
      return nowMs + retryLaunchMs;
    }
  }
  return count > mostLaunches ? nowMs : null;
};
