import type { Upstream } from "../domain/edge.ts";
import { closeUpstream } from "./upstream-connection.ts";
import type { ActiveGroup } from "./split.ts";
import type { ActiveRoute, Replica, UpstreamConnection } from "./state.ts";

const maxIdlePerReplica = 256;
/** A connection that rested longer may be closing just now; not for what cannot be sent twice. */
const freshMs = 1_000;

/** Identity and address: whoever gets a reused address starts with a pool of its own. */
export const replicaKey = ({ replicaId, address }: Upstream): string =>
  "unixPath" in address
    ? `${replicaId}\nunix:${address.unixPath}`
    : `${replicaId}\n${address.host}\n${address.port}`;

export const createReplica = (upstream: Upstream): Replica => ({
  key: replicaKey(upstream),
  upstream,
  active: 0,
  idle: [],
  retired: false,
  failures: 0,
  avoidUntilMs: 0,
});

/** After the first failure; twice as long after each further one. */
const firstAwayMs = 1_000;
const mostAwayMs = 30_000;

/** A connection was refused, did not come about, or was reset before an answer. */
export const noteFailure = (replica: Replica, nowMs: number): void => {
  // Many requests fail at once: that is one failure.
  if (replica.avoidUntilMs > nowMs) return;
  replica.avoidUntilMs = nowMs + Math.min(mostAwayMs, firstAwayMs * 2 ** Math.min(replica.failures, 10));
  replica.failures++;
};

/** It answers again. */
export const noteAnswer = (replica: Replica): void => {
  replica.failures = 0;
  replica.avoidUntilMs = 0;
};

/** Left out for now; when its time is over, it is tried with one request before others follow. */
const isAvoided = (replica: Replica, nowMs: number): boolean =>
  replica.failures > 0 && (replica.avoidUntilMs > nowMs || replica.active > 0);

/** The replica with the fewest requests in flight; one that failed lately only if there is no other. */
export const chooseReplica = (
  target: ActiveRoute,
  nowMs: number,
  except: Replica | null,
  group: ActiveGroup | null = null,
): Replica | null => {
  if (group !== null) {
    const own = best(group.replicas, nowMs, except);
    if (own !== null && !isAvoided(own, nowMs)) return own;
  }
  return best(target.replicas, nowMs, except);
};

const best = (replicas: readonly Replica[], nowMs: number, except: Replica | null): Replica | null => {
  if (replicas.length === 1) return replicas[0] === except ? null : replicas[0]!;
  let best: Replica | null = null;
  let bestAvoided = false;
  for (let i = 0; i < replicas.length; i++) {
    const replica = replicas[i]!;
    if (replica === except) continue;
    const avoided = isAvoided(replica, nowMs);
    if (
      best === null ||
      (bestAvoided && !avoided) ||
      (avoided === bestAvoided && replica.active < best.active)
    ) {
      best = replica;
      bestAvoided = avoided;
    }
  }
  return best;
};

/** A connection that may be used at once, the most recently used first. */
export const takeIdle = (replica: Replica, repeatable: boolean, nowMs: number): UpstreamConnection | null => {
  for (;;) {
    const connection = replica.idle.at(-1);
    if (connection === undefined) return null;
    const restedMs = nowMs - connection.idleSinceMs;
    if (!repeatable && restedMs > freshMs) return null;
    replica.idle.pop();
    if (connection.phase !== "idle") continue;
    if (restedMs < connection.maxIdleMs) return connection;
    closeUpstream(connection);
  }
};

/** Puts a connection that is between two answers back, or closes it when there is no use for it. */
export const giveBack = (connection: UpstreamConnection): void => {
  const { replica, edge } = connection;
  if (replica.retired || edge.stopping || replica.idle.length >= maxIdlePerReplica) {
    closeUpstream(connection);
    return;
  }
  if (connection.paused) {
    connection.paused = false;
    connection.out.socket.resume();
  }
  connection.phase = "idle";
  connection.exchange = null;
  connection.idleSinceMs = edge.clock.nowMs;
  replica.idle.push(connection);
};

/** No longer in the table: what is in use is closed when it is given back. @returns what rests, for `closeRested` */
export const retire = (replica: Replica): UpstreamConnection[] => {
  replica.retired = true;
  const { idle } = replica;
  replica.idle = [];
  return idle;
};

/** One by one, since a table may leave thousands behind. */
export function* closeRested(connections: readonly UpstreamConnection[]): Generator<void, void> {
  for (const connection of connections) {
    if (connection.phase === "idle") closeUpstream(connection);
    yield;
  }
}

/** Closes connections that rested for too long. */
export const sweepIdle = (replica: Replica, nowMs: number): void => {
  const { idle } = replica;
  if (idle.length === 0) return;
  const stays = (c: UpstreamConnection): boolean => c.phase === "idle" && nowMs - c.idleSinceMs < c.maxIdleMs;
  if (idle.every(stays)) return;
  replica.idle = idle.filter(stays);
  for (const connection of idle)
    if (!stays(connection) && connection.phase === "idle") closeUpstream(connection);
};
