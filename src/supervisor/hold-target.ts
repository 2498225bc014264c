import type { RouteTarget } from "../domain/edge.ts";
import type { PauseRecord, ReplicaRecord } from "../domain/records.ts";
import { mostWaiting } from "../domain/traffic.ts";

/** Why and how long requests of an environment may have to wait at the edge; each reason has its case below. */
export interface Waiting {
  pause: PauseRecord | null;
  /** Of the releases that serve. */
  replicas: readonly ReplicaRecord[];
  /** Missing replicas are not about to be launched: the engine is away, or the last try has failed. */
  launchDelayed: boolean;
  nowMs: number;
}

/** Longer than a start takes that goes well; who waits longer is told instead. */
const expectedMs = 10_000;
/** With the pauses of `restartPauseMs`: one that fails more often is not expected within seconds. */
const mostRestarts = 3;

/** The target under which requests wait; null when there is nothing to wait for. */
export const holdTarget = ({
  pause,
  replicas,
  launchDelayed,
  nowMs,
}: Waiting): Extract<RouteTarget, { kind: "hold" }> | null => {
  if (pause !== null && pause.resumesAt > nowMs)
    return { kind: "hold", maxRequests: mostWaiting, maxMs: pause.maxWaitMs };
  if (replicas.some(({ state }) => state === "running")) return null;
  const expected = replicas.length === 0 ? !launchDelayed : replicas.some(isExpected);
  return expected ? { kind: "hold", maxRequests: mostWaiting, maxMs: expectedMs } : null;
};

const isExpected = ({ state, restarts, nextRestartAt }: ReplicaRecord): boolean =>
  restarts <= mostRestarts && (state === "starting" || (state === "exited" && nextRestartAt !== null));
