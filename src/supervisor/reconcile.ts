import type { ReplicaState } from "../domain/engine.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { sharesInForce } from "../domain/traffic.ts";
import { bringToScale } from "./bring-to-scale.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { settleExits } from "./exit-events.ts";
import { followReplica, type MemoryKill } from "./follow-replica.ts";
import { sortOut, tellOfForeign } from "./foreign-containers.ts";
import { forEachSite } from "./for-each-site.ts";
import { heldEnvironments } from "./guard-hold.ts";
import { keepLinks } from "./links.ts";
import { buildNetworkOf, networkOf } from "./networks.ts";
import { restoreOrder } from "./restore-order.ts";
import type { SleepControl } from "./sleep/sleep-control.ts";
import { endRollingRestarts } from "./rolling-restart.ts";
import type { StartQueue } from "./start-queue.ts";
import { readScaling, type Scaling } from "./scaling.ts";
import { tell } from "./tell.ts";

export interface ReconcileState {
  /** By replica: when the kernel last killed something in it for memory. */
  memoryKills: Map<string, MemoryKill>;
  /** By replica: since when it is seen to stand still although it should not. */
  pausedSince: Map<string, number>;
  /** Environments that were put to sleep, as of this pass. */
  asleep: Set<string>;
  /** Environments that stand still while what they have on the disk is counted. */
  standStill: ReadonlySet<string>;
  /** The engine has just come back, or is looked at for the first time since the start. */
  engineIsNew: "back" | "first" | null;
  /** What ended did so with its engine or the host, as of this pass. */
  endedWithEngine: boolean;
  /** When this daemon began, wall time. */
  sinceMs: number;
  /** How many replicas this pass has found to have ended with their engine. */
  restarted: number;
  /** Starts of containers that ended, beside the passes. */
  starts: StartQueue;
  /** By environment: its place in the order of restoring, as of this pass. */
  ranks: ReadonlyMap<string, number>;
  /** Asks for a pass soon. */
  kick(): void;
  /** How much of each environment is to run, as of this pass. */
  scaling: Scaling;
  /** Replicas that a warm-up is waiting for. */
  warming: Set<string>;
  /** Earliest next try to launch a missing replica, by release and process: an image that cannot start must not spin. */
  launchAfterMs: Map<string, number>;
  /** When the present pass began to look, monotonic. */
  readAtMs: number;
  /** See `SleepControl.follow`. */
  followSleeper: SleepControl["follow"];
  /** Waits until a (re)started replica answers, then lets visitors in. Returns at once. */
  warmUp(environment: LiveEnvironment, replica: ReplicaRecord): void;
  /** Stops and removes replicas, those that are at it left alone, after what is in flight if asked. Returns at once. */
  retire(replicas: ReplicaRecord[], drain?: boolean): void;
}

/** One site that hangs in the engine does not keep the others waiting. */
const sitesAtOnce = 4;

/**
 * One pass of desired (rows) against actual (the engine). Only replicas that have a row here are touched, whatever
 * labels a container may carry. @returns when the next pass is due at the latest, for restarts that wait
 */
export const reconcile = async (deps: SupervisorDeps, state: ReconcileState): Promise<number | null> => {
  state.readAtMs = deps.clock.monotonicMs();
  // Of one moment: rows of a deployment that ends in between would look like leftovers.
  const { environments, rows, open, splits, sleeps, priorities, links } = await deps.store.transaction(
    async (queries) => ({
      environments: await queries.liveEnvironments(),
      rows: await queries.liveReplicas(),
      open: await queries.openDeployments(),
      splits: new Map((await queries.allTrafficSplits()).map((split) => [split.environmentId, split.shares])),
      sleeps: await queries.allSleeps(),
      priorities: await queries.allRestorePriorities(),
      links: await queries.allLinks(),
    }),
  );
  const found = await deps.engine.listReplicas();
  const { own: actual, strays, impostors } = await sortOut(deps, environments, rows, found);
  state.restarted = 0;
  // What the host guard has paused stands still, too.
  state.asleep = new Set(sleeps.map(({ environmentId }) => environmentId))
    .union(await heldEnvironments(deps.store))
    .union(state.standStill);
  state.endedWithEngine =
    state.engineIsNew === "back" || (state.engineIsNew === "first" && allEnded(rows, actual));
  state.scaling = await readScaling(deps.store);
  await removeStrays(deps, strays);
  await tellOfForeign(deps, environments, impostors);
  await ensureNetworks(deps, environments, rows);
  const deploying = new Map(
    open
      .filter((deployment) => deployment.status !== "pending")
      .map((deployment) => [deployment.environmentId, deployment.releaseId]),
  );
  const byEnvironment = Map.groupBy(rows, (row) => row.environmentId);
  let nextMs: number | null = null;
  const ordered = restoreOrder(environments, priorities, links);
  state.ranks = new Map(ordered.map(({ id }, rank) => [id, rank]));
  const look = async (environment: LiveEnvironment): Promise<void> => {
    const own = byEnvironment.get(environment.id) ?? [];
    const beside = sharesInForce(splits.get(environment.id), environment.currentReleaseId)
      .map(({ releaseId }) => releaseId)
      .filter((releaseId) => releaseId !== environment.currentReleaseId);
    const dueMs = await reconcileEnvironment(deps, state, environment, beside, own, actual, deploying);
    if (dueMs !== null) nextMs = Math.min(nextMs ?? dueMs, dueMs);
  };
  await forEachSite(deps, ordered, look, sitesAtOnce);
  await keepLinks(deps);
  await endRollingRestarts(deps, rows);
  await settleExits(deps, await deps.store.liveReplicas());
  return nextMs;
};

/** As after a start of the host: nothing runs of what did when this was looked at last. */
const allEnded = (rows: readonly ReplicaRecord[], actual: ReadonlyMap<string, ReplicaState>): boolean => {
  const ran = rows.filter(({ id, state }) => (state === "running" || state === "starting") && actual.has(id));
  return ran.every(({ id }) => !actual.get(id)!.running);
};

/** Containers whose row says that they are gone: left over from a crash between two steps. */
const removeStrays = async (deps: SupervisorDeps, strays: readonly string[]): Promise<void> => {
  for (const replicaId of strays) {
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
  if (await deps.engine.ensureFirewall([buildNetworkOf(deps.networkPool), ...networks]))
    await tell(deps, {
      kind: "firewall.repaired",
      severity: "warning",
      environmentId: null,
      message:
        "Rules of the host's firewall that keep containers apart had been removed by somebody outside Croft; they are in place again.",
    });
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
  const own = rows.filter((row) => !busy || row.releaseId !== rolloutRelease);
  const sleeps = await state.followSleeper(environment, own, actual, state.readAtMs);
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
  if (sleeps) return null;
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
        if (isBeingMade(state, row, deps.clock.nowMs())) present.push(row);
        else await noteRemoved(deps, environment, row, busy);
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

/** An engine under load takes its time; a daemon that was killed over it has nobody who still makes one. */
const longestLaunchMs = 120_000;

/** Its row comes before its container. */
const isBeingMade = (state: ReconcileState, row: ReplicaRecord, nowMs: number): boolean =>
  row.containerId === null && row.createdAt >= state.sinceMs && nowMs - row.createdAt < longestLaunchMs;

/** A container that is there no more. Deployments remove some themselves, just before their rows say so. */
const noteRemoved = async (
  deps: SupervisorDeps,
  environment: LiveEnvironment,
  row: ReplicaRecord,
  busy: boolean,
): Promise<void> => {
  const removed = { state: "removed" as const, endedAt: deps.clock.nowMs(), nextRestartAt: null };
  if (!(await deps.store.moveReplica(row.id, row.state, removed)) || busy || row.containerId === null) return;
  deps.log.warn("a container was removed from outside", { site: environment.slug, replica: row.id });
  await tell(deps, {
    kind: "container.removed",
    severity: "warning",
    environmentId: environment.id,
    message: "Its container had been removed by somebody outside Croft; a new one takes its place.",
    details: { replica: row.id },
  });
};
