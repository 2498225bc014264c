import { abandonExchange, failExchange } from "./exchange-end.ts";
import { tellNews } from "./await-news.ts";
import { releaseHeld } from "./hold.ts";
import { isUsedUp, refill } from "./bandwidth.ts";
import { cutTunnel } from "./cut-tunnel.ts";
import { keepDate } from "./date-line.ts";
import { sweepSession } from "./h2/session.ts";
import { countPending, createPendingCount, shedPending } from "./pending-budget.ts";
import { sweepIdle } from "./replica-pool.ts";
import { sharersOf } from "./shared/memory.ts";
import { shareCounts } from "./shared/share.ts";
import { inSlices } from "./slices.ts";
import type { Edge, Exchange, Visitor } from "./state.ts";
import { resumeSlowed } from "./slow-down.ts";
import { isStalled } from "./stalled.ts";
import { abandonConnect } from "./upstream-connection.ts";
import { visitorLate } from "./visitor.ts";
import { closeVisitor } from "./visitor-end.ts";
import { CloseCode } from "./websocket-frames.ts";

/**
 * Looks after every deadline, a few times a second: one pass over all connections is far cheaper than a timer
 * per request.
 */
export const sweep = (edge: Edge): void => {
  const { nowMs } = edge.clock;
  if (!edge.sweeping) void sweepVisitors(edge);
  for (const session of edge.sessions) sweepSession(session, nowMs);
  const wallMs = Date.now();
  keepDate(edge.date, wallMs);
  shareCounts(edge);
  const sharers = sharersOf(edge.router.shared);
  for (const { bandwidth, meter } of edge.router.byId.values())
    refill(bandwidth, meter, nowMs, wallMs, sharers);
  if (edge.slowed.size > 0) resumeSlowed(edge);
  if (edge.held.size > 0) releaseHeld(edge);
  if (edge.awaiting.size > 0) tellNews(edge);
  for (const connection of edge.connecting)
    if (connection.deadlineMs <= nowMs) abandonConnect(connection, edge.upstreamEvents);
  for (const [key, replica] of edge.router.replicas) {
    sweepIdle(replica, nowMs);
    if (replica.retired && replica.active === 0) edge.router.replicas.delete(key);
  }
};

/** Many may be late at once, and to close a connection with much on its way takes the kernel a while. */
const sliceMs = 1;

const sweepVisitors = async (edge: Edge): Promise<void> => {
  edge.sweeping = true;
  try {
    await inSlices(eachVisitor(edge), sliceMs);
  } catch (error) {
    edge.log.error("looking after visitors' deadlines failed", { error });
  }
  edge.sweeping = false;
};

function* eachVisitor(edge: Edge): Generator<void, void> {
  const count = createPendingCount();
  for (const visitor of edge.visitors) {
    const { nowMs } = edge.clock;
    sweepVisitor(visitor, nowMs);
    if (visitor.phase !== "closed") countPending(count, visitor, nowMs);
    yield;
  }
  shedPending(edge, count);
}

const isBlocked = ({ target }: Exchange): boolean =>
  target.bandwidth.rule?.policy === "block" && isUsedUp(target);

/** An answer that may go on for ever: of no known length, and running for a while. */
const isEndless = ({ answered, upstream, startedAtMs, visitor }: Exchange, nowMs: number): boolean =>
  answered &&
  upstream !== null &&
  (upstream.framing === "chunked" || upstream.framing === "close") &&
  nowMs - startedAtMs >= visitor.edge.deadlines.endlessMs;

/** Silent for too long, or no longer to be served. */
const tunnelIsOver = (exchange: Exchange, nowMs: number): boolean => {
  const { deadlineMs } = exchange;
  const blocked = isBlocked(exchange);
  if (!blocked && deadlineMs > nowMs) return false;
  cutTunnel(exchange, blocked ? CloseCode.policy : CloseCode.goingAway);
  return true;
};

const sweepVisitor = (visitor: Visitor, nowMs: number): void => {
  const { out, exchange, edge } = visitor;
  const { stallMs } = edge.deadlines;
  if (out.pendingBytes > 0) {
    if (!isStalled(out, nowMs, stallMs)) return;
    if (exchange !== null) abandonExchange(exchange);
    closeVisitor(visitor, true);
    return;
  }
  if (exchange !== null) {
    if (exchange.tunnel !== null && tunnelIsOver(exchange, nowMs)) return;
    if (isEndless(exchange, nowMs) && isBlocked(exchange)) {
      failExchange(exchange, 503);
      return;
    }
    const sending = exchange.upstream?.out;
    if (sending != null && sending.pendingBytes > 0) {
      if (isStalled(sending, nowMs, stallMs)) failExchange(exchange, 504);
      return;
    }
    if (exchange.deadlineMs <= nowMs) {
      if (visitor.left) {
        abandonExchange(exchange);
        closeVisitor(visitor, true);
      } else failExchange(exchange, exchange.resume === null ? 504 : 503);
      return;
    }
    if (visitor.phase === "body" && visitor.deadlineMs <= nowMs) failExchange(exchange, 408);
    return;
  }
  if (visitor.deadlineMs <= nowMs) visitorLate(visitor);
};
