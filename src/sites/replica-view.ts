import { constants } from "node:os";
import { isoOf, isoOrNull } from "../domain/deployment-view.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { isCrashLoop, type ReplicaExitRecord } from "../domain/supervision.ts";
import type { ReplicaExitView, ReplicaView } from "../domain/views.ts";

/** @param exit how it ended last, where that is known */
export const replicaView = (replica: ReplicaRecord, exit?: ReplicaExitRecord): ReplicaView => ({
  id: replica.id,
  process: replica.process,
  state: replica.state === "exited" && isCrashLoop(replica.restarts) ? "crash_loop" : replica.state,
  restarts: replica.restarts,
  oomKills: replica.oomKills,
  exitCode: replica.exitCode,
  reason: replica.reason,
  startedAt: isoOrNull(replica.startedAt),
  nextRestartAt: isoOrNull(replica.nextRestartAt),
  lastExit: exit === undefined ? null : exitView(exit),
});

const exitView = ({ at, exitCode, oomKilled, lastLines }: ReplicaExitRecord): ReplicaExitView => ({
  at: isoOf(at),
  exitCode,
  signal: signalOf(exitCode),
  oomKilled: oomKilled === 1,
  lastLines: JSON.parse(lastLines) as string[],
});

/** Exit codes above 128 are signals (bash(1), EXIT STATUS): 137 is SIGKILL. */
const signalOf = (exitCode: number | null): string | null => {
  if (exitCode === null || exitCode <= 128) return null;
  return Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0] ?? null;
};
