import type { ReplicaState } from "../../domain/engine.ts";
import type { ReplicaRecord } from "../../domain/records.ts";
import type { LiveEnvironment } from "../deps.ts";
import type { SleepContext } from "./context.ts";
import { writeAsleep, writeAwake } from "./sleep-rows.ts";

/**
 * Brings the record of one that sleeps in line with its containers: a restart of the engine ends frozen ones, and
 * people let them go on by hand. Its turn is not taken here, so it must have none, and have had none since the
 * containers were looked at.
 * @param rows its replicas
 * @returns true when it sleeps, and its containers are to be left alone
 */
export const followSleeper = async (
  context: SleepContext,
  environment: LiveEnvironment,
  rows: readonly ReplicaRecord[],
  actual: ReadonlyMap<string, ReplicaState>,
): Promise<boolean> => {
  const { deps, book } = context;
  const record = book.get(environment.id);
  if (record === undefined) return false;
  const own = rows.filter(({ state }) => state !== "draining");
  const awake = async (message: string): Promise<false> => {
    await writeAwake(context, record, { kind: "site.woken", message });
    context.activity.touch(environment.id);
    return false;
  };
  if (environment.stoppedReason !== null) return awake("No longer asleep: the site is stopped.");
  if (record.releaseId !== environment.currentReleaseId) return awake("Woken: another release serves now.");
  if (own.length === 0 && rows.length > 0) return awake("Woken: the site is given new containers.");
  const states = own.map(({ id }) => actual.get(id));
  if (record.state === "stopped")
    return states.some((state) => state?.running)
      ? awake("Woken: its container was started past Croft, or while Croft was away.")
      : true;
  if (states.some((state) => state?.running && !state.paused))
    return awake("Woken: its container was let go on past Croft, or while Croft was away.");
  if (states.every((state) => state?.running)) return true;
  // What still stands frozen would be in the way of a start.
  for (const state of states) if (state?.running) await deps.engine.stopReplica(state.replicaId, 0);
  for (const { id } of own)
    await deps.store.updateReplica(id, {
      state: "exited",
      endedAt: deps.clock.nowMs(),
      nextRestartAt: null,
      reason: null,
    });
  await writeAsleep(
    context,
    environment,
    "stopped",
    "its frozen containers ended, as they do when Docker or the host is started anew",
  );
  return true;
};
