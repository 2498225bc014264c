import { cutTunnel } from "./cut-tunnel.ts";
import { failExchange } from "./exchange-end.ts";
import type { Edge, Exchange } from "./state.ts";
import { CloseCode } from "./websocket-frames.ts";

const pollMs = 20;

/**
 * Waits until nothing is in flight on these replicas any more; at the deadline what is left is cut, WebSockets
 * with close 1001.
 * @param deadlineMs from now
 * @returns how many had to be cut
 */
export const drainReplicas = async (
  edge: Edge,
  replicaIds: readonly string[],
  deadlineMs: number,
): Promise<number> => {
  const ids = new Set(replicaIds);
  const endsAtMs = edge.now() + deadlineMs;
  while (inFlight(edge, ids) > 0 && edge.now() < endsAtMs)
    await Bun.sleep(Math.min(pollMs, Math.max(1, endsAtMs - edge.now())));
  const left: Exchange[] = [];
  for (const { exchange } of edge.visitors)
    if (exchange?.replica && ids.has(exchange.replica.upstream.replicaId)) left.push(exchange);
  for (const exchange of left) cutExchange(exchange);
  return left.length;
};

const inFlight = (edge: Edge, ids: Set<string>): number => {
  let count = 0;
  for (const replica of edge.router.replicas.values())
    if (ids.has(replica.upstream.replicaId)) count += replica.active;
  return count;
};

/**
 * Ends what is in flight: a WebSocket by close frames where they fit between two frames, a request without an
 * answer by 503, and an answer that is under way by a reset.
 */
export const cutExchange = (exchange: Exchange): void => {
  if (exchange.tunnel === null) failExchange(exchange, 503);
  else cutTunnel(exchange, CloseCode.goingAway);
};
