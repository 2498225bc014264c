import { failExchange } from "./exchange-end.ts";
import type { Edge, Exchange } from "./state.ts";

/** Beyond this a refused connection is told at once. */
const mostWaiting = 1000;

/**
 * Every replica refused the connection, so nothing was sent yet: the app may just be starting anew, and the next
 * table says what became of it. The request waits for that news for a moment, once.
 * @returns false when it does not
 */
export const awaitNews = (exchange: Exchange): boolean => {
  const { visitor, replica } = exchange;
  const { edge } = visitor;
  if (exchange.newsDueMs !== 0 || edge.awaiting.size >= mostWaiting || edge.deadlines.newsMs === 0)
    return false;
  exchange.newsDueMs = edge.clock.nowMs + edge.deadlines.newsMs;
  exchange.connectFailures = 0;
  if (replica !== null) replica.active--;
  exchange.replica = null;
  exchange.deadlineMs = Number.POSITIVE_INFINITY;
  exchange.resume = () => edge.serveAgain(exchange);
  edge.awaiting.add(exchange);
  return true;
};

/** Lets go on for whom there is news, or no more time; called after each table and by the sweep. */
export const tellNews = (edge: Edge): void => {
  for (const exchange of edge.awaiting) {
    const { resume, target, visitor } = exchange;
    const route = edge.router.byId.get(target.route.id);
    if (visitor.exchange !== exchange || resume === null) edge.awaiting.delete(exchange);
    else if (route === undefined) {
      edge.awaiting.delete(exchange);
      exchange.resume = null;
      failExchange(exchange, 503);
    } else if (
      route.replicas.some((replica) => !target.replicas.includes(replica)) ||
      isOver(edge, exchange, route)
    ) {
      edge.awaiting.delete(exchange);
      exchange.resume = null;
      exchange.target = route;
      resume();
    }
  }
};

const isOver = ({ clock }: Edge, { newsDueMs }: Exchange, { route }: Exchange["target"]): boolean =>
  route.target.kind !== "replicas" || newsDueMs <= clock.nowMs;
