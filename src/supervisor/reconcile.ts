import type { ReplicaState } from "../domain/engine.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { sharesInForce } from "../domain/traffic.ts";
import { AppError } from "../errors.ts";
import { forgivenAfterMs } from "./back-off.ts";
import { bringToScale } from "./bring-to-scale.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { forEachSite } from "./for-each-site.ts";
import { buildNetworkOf, networkOf } from "./networks.ts";
import { noteExit, noteFailedStart } from "./note-exit.ts";
import { endRollingRestarts } from "./rolling-restart.ts";
import { ensureVolumes } from "./volumes.ts";

export interface ReconcileState {
  /** Replicas in which the kernel killed something for memory since they started. */
  oomSeen: Set<string>;
  /** Replicas that a warm-up is waiting for. */
  warming: Set<string>;
  /** Earliest next try to launch a missing replica, by release and process: an image that cannot start must not spin. */
  launchAfterMs: Map<string, number>;
  /** Waits until a (re)started replica answers, then lets visitors in. Returns at once. */
  warmUp(environment: LiveEnvironment, replica: ReplicaRecord): void;
  /** Stops and removes replicas, those that are at it left alone, after what is in flight if asked. Returns at once. */
  retire(replicas: ReplicaRecord[], drain?: boolean): void;
}

/**
 * One pass of desired (rows) against actual (the engine). Only replicas that have a row here are touched, whatever
 * labels a container may carry. @returns when the next pass is due at the latest, for restarts that wait
 */
export const reconcile = async (deps: SupervisorDeps, state: ReconcileState): Promise<number | null> => {
  // Of one moment: rows of a deployment that ends in between would look like leftovers.
  const { environments, rows, open, splits } = await deps.store.transaction(async (queries) => ({
    environments: await queries.liveEnvironments(),
    rows: await queries.liveReplicas(),
    open: await queries.openDeployments(),
    splits: new Map((await queries.allTrafficSplits()).map((split) => [split.environmentId, split.shares])),
  }));
  const actual = new Map((await deps.engine.listReplicas()).map((one) => [one.replicaId, one]));
  await removeStrays(deps, actual, rows);
  await ensureNetworks(deps, environments, rows);
  const deploying = new Map(
    open
      .filter((deployment) => deployment.status !== "pending")
      .map((deployment) => [deployment.environmentId, deployment.releaseId]),
  );
  const byEnvironment = Map.groupBy(rows, (row) => row.environmentId);
  let nextMs: number | null = null;
  await forEachSite(deps, environments, async (environment) => {
    const own = byEnvironment.get(environment.id) ?? [];
    const beside = sharesInForce(splits.get(environment.id), environment.currentReleaseId)
      .map(({ releaseId }) => releaseId)
      .filter((releaseId) => releaseId !== environment.currentReleaseId);
    const dueMs = await reconcileEnvironment(deps, state, environment, beside, own, actual, deploying);
    if (dueMs !== null) nextMs = Math.min(nextMs ?? dueMs, dueMs);
  });
  await endRollingRestarts(deps, rows);
  return nextMs;
};

/** Containers whose row says that they are gone: left over from a crash between two steps. */
const removeStrays = async (
  deps: SupervisorDeps,
  actual: Map<string, ReplicaState>,
  rows: ReplicaRecord[],
): Promise<void> => {
  const live = new Set(rows.map((row) => row.id));
  for (const replicaId of actual.keys()) {
    if (live.has(replicaId)) continue;
    const row = await deps.store.replicaById(replicaId);
    if (row?.state !== "removed") continue;
    deps.log.info("removing a left-over container", { replica: replicaId });
    await deps.engine.removeReplica(replicaId);
  }
};

const ensureNetworks = async (
  deps: SupervisorDeps,
  environments: LiveEnvironment[],
  rows: ReplicaRecord[],
): Promise<void> => {
  const used = new Set(rows.map((row) => row.environmentId));
  const closed = await deps.store.closedEgress();
  const networks = environments
    // Closed ones also before they are used: a replica may be about to start there.
    .filter(({ id }) => used.has(id) || closed.has(id))
    .map((environment) => ({
      ...networkOf(deps.networkPool, environment),
      closed: closed.has(environment.id),
    }));
  await deps.engine.ensureFirewall([buildNetworkOf(deps.networkPool), ...networks]);
};

const reconcileEnvironment = async (
  deps: SupervisorDeps,
  state: ReconcileState,
  environment: LiveEnvironment,
  beside: readonly string[],
  rows: ReplicaRecord[],
  actual: Map<string, ReplicaState>,
  deploying: Map<string, string | null>,
): Promise<number | null> => {
  const busy = deploying.has(environment.id);
  const rolloutRelease = deploying.get(environment.id) ?? null;
  if (environment.stoppedReason !== null) {
    state.retire(rows.filter((row) => !busy || row.releaseId !== rolloutRelease));
    return null;
  }
  const current = environment.currentReleaseId;
  const wanted = current === null ? [] : [current, ...beside];
  if (!busy)
    state.retire(
      rows.filter((row) => row.state === "draining" || !wanted.includes(row.releaseId)),
      true,
    );
  let nextMs: number | null = null;
  for (const releaseId of wanted) {
    const present: ReplicaRecord[] = [];
    for (const row of rows) {
      if (row.releaseId !== releaseId || row.state === "draining") continue;
      const container = actual.get(row.id);
      if (row.state === "starting" && busy && row.releaseId === rolloutRelease) {
        present.push(row);
        continue;
      }
      if (!container) {
        if (deps.clock.nowMs() - row.createdAt < 5000) present.push(row);
        else
          await deps.store.moveReplica(row.id, row.state, { state: "removed", endedAt: deps.clock.nowMs() });
        continue;
      }
      present.push(row);
      const dueMs = await followReplica(deps, state, environment, row, container);
      if (dueMs !== null) nextMs = Math.min(nextMs ?? dueMs, dueMs);
    }
    const leaving = rows.some((row) => row.state === "draining" || !wanted.includes(row.releaseId));
    const launchDueMs = busy
      ? null
      : await bringToScale(deps, state, environment, releaseId, present, leaving);
    if (launchDueMs !== null) nextMs = Math.min(nextMs ?? launchDueMs, launchDueMs);
  }
  return nextMs;
};

/** Brings one row in line with its container. @returns when its restart is due */
const followReplica = async (
  deps: SupervisorDeps,
  state: ReconcileState,
  environment: LiveEnvironment,
  row: ReplicaRecord,
  container: ReplicaState,
): Promise<number | null> => {
  const nowMs = deps.clock.nowMs();
  if (container.running) {
    if (container.address !== row.address)
      await deps.store.updateReplica(row.id, { address: container.address });
    if (row.state === "starting" || row.state === "exited") {
      if (await deps.store.moveReplica(row.id, row.state, { state: "starting", nextRestartAt: null }))
        state.warmUp(environment, { ...row, state: "starting", address: container.address });
    } else if (row.restarts > 0 && row.startedAt !== null && nowMs - row.startedAt > forgivenAfterMs)
      await deps.store.updateReplica(row.id, { restarts: 0, reason: null });
    return null;
  }
  if (row.state !== "exited") {
    const oom = container.oomKilled || state.oomSeen.has(row.id);
    return noteExit(deps, environment, row, container, oom);
  }
  if (row.nextRestartAt !== null && row.nextRestartAt > nowMs) return row.nextRestartAt;
  state.oomSeen.delete(row.id);
  let restarted: ReplicaState;
  try {
    await ensureVolumes(deps, row.environmentId);
    restarted = await deps.engine.restartReplica(row.id);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "deploy_failed") throw error;
    return noteFailedStart(deps, row, error);
  }
  const started = { state: "starting" as const, address: restarted.address, nextRestartAt: null };
  if (await deps.store.moveReplica(row.id, "exited", started))
    state.warmUp(environment, { ...row, ...started });
  return null;
};
