import type { ReplicaState } from "../domain/engine.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { formatBytes } from "../domain/size.ts";
import { AppError } from "../errors.ts";
import { forgivenAfterMs } from "./back-off.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { tellChildKilled } from "./exit-events.ts";
import { networkOf, presentNetworkOf } from "./networks.ts";
import { noteEndWithEngine, noteExit, noteFailedStart } from "./note-exit.ts";
import { limitsFor } from "./process-limits.ts";
import type { ReconcileState } from "./reconcile.ts";
import { replaceContainer } from "./replace-container.ts";
import { tell } from "./tell.ts";
import { ensureVolumes } from "./volumes.ts";

/** After a kill for memory an app may need this long until it ends of it. */
const blamedForMs = 10_000;
/** A kill that the app survived is told once it is clear that it did. */
const survivedAfterMs = 2000;
/** Who has it stand still says so a moment before or after. */
const pausedForMs = 3000;

/** What follows of a kill for memory: whether it was the app's main process, or one of its others. */
export interface MemoryKill {
  atMs: number;
  told: boolean;
}

/** Brings one row in line with its container. @returns when its restart, or the next look at it, is due */
export const followReplica = async (
  deps: SupervisorDeps,
  state: ReconcileState,
  environment: LiveEnvironment,
  row: ReplicaRecord,
  container: ReplicaState,
): Promise<number | null> => {
  if (container.running) return followRunning(deps, state, environment, row, container);
  const nowMs = deps.clock.nowMs();
  let present = row;
  if (row.state !== "exited") {
    if (!state.endedWithEngine)
      return noteExit(deps, environment, row, container, ...blame(state, row, container));
    const ended = await noteEndWithEngine(deps, row, container);
    if (ended === null) return null;
    present = ended;
  }
  if (present.nextRestartAt !== null && present.nextRestartAt > nowMs) return present.nextRestartAt;
  if (state.endedWithEngine) state.restarted++;
  state.starts.add(row.id, state.ranks.get(environment.id) ?? 0, () =>
    startAgain(deps, state, environment, row.id),
  );
  return null;
};

/** Beside the passes: an engine takes its time for each, and has many to start after a restart of its own. */
const startAgain = async (
  deps: SupervisorDeps,
  state: ReconcileState,
  environment: LiveEnvironment,
  replicaId: string,
): Promise<void> => {
  const row = await deps.store.replicaById(replicaId);
  const now = await deps.store.environmentById(environment.id);
  // It may have been stopped, or given up, since it was put in line.
  if (row?.state !== "exited" || !now || now.stoppedReason !== null) return;
  state.memoryKills.delete(row.id);
  let restarted: ReplicaState;
  try {
    await ensureVolumes(deps, row.environmentId);
    restarted = await deps.engine.restartReplica(row.id);
  } catch (error) {
    if (error instanceof AppError && error.code === "deploy_failed") {
      if (!(await replaceContainer(deps, environment, row, error)))
        await noteFailedStart(deps, environment, row, error);
      state.kick();
      return;
    }
    throw error;
  }
  const started = { state: "starting" as const, address: restarted.address, nextRestartAt: null };
  if (await deps.store.moveReplica(row.id, "exited", started))
    state.warmUp(environment, { ...row, ...started });
};

/**
 * Whether it ended for memory: the kernel killed its main process, or one of its others just before. A kill that the
 * app survived is not to blame for how it ends later.
 */
export const blame = (
  state: Pick<ReconcileState, "memoryKills">,
  row: Pick<ReplicaRecord, "id">,
  container: Pick<ReplicaState, "exitCode" | "oomKilled" | "finishedAtMs">,
): [oom: boolean, afterKill: boolean] => {
  const kill = state.memoryKills.get(row.id);
  state.memoryKills.delete(row.id);
  const endedAtMs = container.finishedAtMs ?? kill?.atMs ?? 0;
  // Docker's own flag says "at some time": it counts only where nobody here saw when.
  const recent = kill === undefined ? container.oomKilled : endedAtMs - kill.atMs < blamedForMs;
  // 137: by SIGKILL, as the kernel does it.
  return [recent && container.exitCode === 137, recent];
};

const followRunning = async (
  deps: SupervisorDeps,
  state: ReconcileState,
  environment: LiveEnvironment,
  row: ReplicaRecord,
  container: ReplicaState,
): Promise<number | null> => {
  const nowMs = deps.clock.nowMs();
  const goesOnMs = await letGoOn(deps, state, environment, row, container);
  if (goesOnMs !== null) return goesOnMs;
  const address = (await reconnected(deps, environment, row, container)) ?? container.address;
  if (address !== row.address) await deps.store.updateReplica(row.id, { address });
  if (row.state === "starting" || row.state === "exited") {
    if (await deps.store.moveReplica(row.id, row.state, { state: "starting", nextRestartAt: null }))
      state.warmUp(environment, { ...row, state: "starting", address });
  } else if (row.restarts > 0 && row.startedAt !== null && nowMs - row.startedAt > forgivenAfterMs)
    await deps.store.updateReplica(row.id, { restarts: 0, reason: null });
  const kill = state.memoryKills.get(row.id);
  if (kill === undefined || kill.told) return null;
  if (nowMs - kill.atMs < survivedAfterMs) return kill.atMs + survivedAfterMs;
  kill.told = true;
  await tellChildKilled(
    deps,
    environment.id,
    row.id,
    formatBytes((await limitsFor(deps, environment, row)).memoryBytes),
  );
  return null;
};

/** A container that stands still although nobody here has put it to sleep goes on. @returns when to look again */
const letGoOn = async (
  deps: SupervisorDeps,
  state: ReconcileState,
  environment: LiveEnvironment,
  row: ReplicaRecord,
  container: ReplicaState,
): Promise<number | null> => {
  if (!container.paused || state.asleep.has(environment.id)) {
    state.pausedSince.delete(row.id);
    return null;
  }
  const nowMs = deps.clock.nowMs();
  const sinceMs = state.pausedSince.get(row.id) ?? nowMs;
  state.pausedSince.set(row.id, sinceMs);
  if (nowMs - sinceMs < pausedForMs) return sinceMs + pausedForMs;
  await deps.engine.unpauseReplica(row.id);
  state.pausedSince.delete(row.id);
  await tell(deps, {
    kind: "container.unpaused",
    severity: "warning",
    environmentId: environment.id,
    message: "Its container had been paused by somebody outside Croft; it goes on now.",
    details: { replica: row.id },
  });
  return null;
};

/** A container that was taken off its network is put back on it. @returns its new address; null when it was on it */
const reconnected = async (
  deps: SupervisorDeps,
  environment: LiveEnvironment,
  row: ReplicaRecord,
  container: ReplicaState,
): Promise<string | null> => {
  const { name } = networkOf(deps.networkPool, environment);
  if (container.networks.some((network) => network.name === name)) return null;
  const owner = { site: environment.slug, environment: environment.name, release: "", role: "site" as const };
  await deps.engine.ensureNetwork(await presentNetworkOf(deps, environment), owner);
  await deps.engine.joinNetwork(row.id, name, [row.process]);
  const address = (await deps.engine.inspectReplica(row.id))?.address ?? null;
  await tell(deps, {
    kind: "network.repaired",
    severity: "warning",
    environmentId: environment.id,
    message: "Its container had been taken off the site's network; it is back on it.",
    details: { replica: row.id, network: name },
  });
  return address;
};
