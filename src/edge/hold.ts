import type { RouteTarget } from "../domain/edge.ts";
import { answerExchange, failExchange } from "./exchange-end.ts";
import { pageAnswer } from "./own-answer.ts";
import { othersServing } from "./shared/share.ts";
import type { ActiveRoute, Edge, Exchange } from "./state.ts";
import { pauseVisitor } from "./visitor-end.ts";

/**
 * Of all that waits, heads and what came along with them; beyond that nobody is let in to wait but the first of each
 * route: who lets thousands wait at one site must not keep others from being woken.
 */
const mostHeldBytes = 64 * 1024 * 1024;

/** Requests of a route that has nothing to serve them yet wait here, in the order of their coming. */
export const holdExchange = (
  exchange: Exchange,
  { maxRequests, maxMs }: Extract<RouteTarget, { kind: "hold" }>,
): void => {
  const { visitor, target } = exchange;
  const { edge } = visitor;
  let waiting = edge.held.get(target.route.id);
  if (waiting === undefined) edge.held.set(target.route.id, (waiting = new Set()));
  const isFull = edge.heldBytes >= mostHeldBytes;
  if (isFull || waiting.size >= maxRequests) forgetGone(waiting);
  if (waiting.size >= maxRequests || (isFull && waiting.size > 0)) {
    answerExchange(
      exchange,
      pageAnswer(
        503,
        "One moment",
        "This site cannot take more visitors right now. Try again in a moment.",
        2,
      ),
    );
    return;
  }
  if (!isAwaited(waiting)) edge.wakeCalls.note(target.route.id);
  waiting.add(exchange);
  edge.heldBytes += exchange.headInput!.length;
  visitor.phase = "connecting";
  // What has come by now is kept, the rest of a body waits with who sends it.
  if (exchange.body !== "none") pauseVisitor(visitor);
  // The sweep answers 503 then.
  exchange.deadlineMs = edge.clock.nowMs + maxMs;
  exchange.resume = () => edge.serveAgain(exchange);
};

const isWaiting = (exchange: Exchange): boolean =>
  exchange.visitor.exchange === exchange && exchange.resume !== null;

const isAwaited = (waiting: Set<Exchange>): boolean => {
  for (const exchange of waiting) if (isWaiting(exchange)) return true;
  return false;
};

const forgetGone = (waiting: Set<Exchange>): void => {
  for (const exchange of waiting) if (!isWaiting(exchange)) waiting.delete(exchange);
};

/**
 * Lets go on whose route has another target now, as many at once as the route may serve; called after each table,
 * and by the sweep for the others and for who is gone.
 */
export const releaseHeld = (edge: Edge): void => {
  edge.heldBytes = 0;
  for (const [id, waiting] of edge.held) {
    forgetGone(waiting);
    const route = edge.router.byId.get(id);
    if (route?.route.target.kind === "hold" && waiting.size > 0) {
      for (const exchange of waiting) edge.heldBytes += keptBytes(exchange);
      continue;
    }
    let room = route === undefined ? waiting.size : roomOf(route, waiting.size);
    for (const exchange of waiting) {
      if (room-- <= 0) break;
      waiting.delete(exchange);
      const begin = exchange.resume!;
      exchange.resume = null;
      if (route === undefined) failExchange(exchange, 503);
      else {
        exchange.target = route;
        begin();
      }
    }
    if (waiting.size === 0) edge.held.delete(id);
  }
};

const keptBytes = ({ headInput, visitor }: Exchange): number =>
  Math.max(headInput?.length ?? 0, visitor.held?.length ?? 0);

const roomOf = ({ route, meter, share }: ActiveRoute, waiting: number): number =>
  (route.limits.concurrentRequests ?? Number.POSITIVE_INFINITY) -
  (meter.active - waiting) -
  othersServing(share);

export const heldByRoute = (edge: Edge): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const [id, waiting] of edge.held) {
    forgetGone(waiting);
    if (waiting.size > 0) counts[id] = waiting.size;
  }
  return counts;
};
