import { cutExchange } from "./drain.ts";
import { closeSession, leaveSoon } from "./h2/session-end.ts";
import type { Listening } from "./listening.ts";
import type { Edge, Exchange } from "./state.ts";
import { closeVisitor } from "./visitor-end.ts";

/** A connection without a request for this long is closed by a process that leaves. */
const idleMs = 10_000;
/** For a transfer, if it moves; the deadlines of any edge look after that. */
const longestTransferMs = 15 * 60_000;
/** For close frames and answers to be taken, at the end. */
const farewellMs = 5_000;
const pollMs = 20;

/**
 * Leaves the address to other processes without failing a request: what is under way goes on. A kept connection gets
 * the answer to its next request, which says that it ends, or is closed when it has been silent for a while; HTTP/2 is
 * told to go elsewhere in two steps (RFC 9113 section 6.8). At the deadline what has no end by itself is cut, WebSockets by
 * close 1001; a download or an upload may go on. Returns when no connection is left.
 * @param deadlineMs from now
 */
export const leaveAddress = async (edge: Edge, listening: Listening, deadlineMs: number): Promise<void> => {
  edge.leaving = true;
  listening.retire();
  edge.deadlines.keepAliveMs = Math.min(edge.deadlines.keepAliveMs, idleMs);
  const idleEndsMs = edge.now() + idleMs;
  for (const visitor of edge.visitors)
    if (visitor.exchange === null && visitor.phase === "head" && !visitor.headBegun)
      visitor.deadlineMs = Math.min(visitor.deadlineMs, idleEndsMs);
  for (const session of [...edge.sessions]) leaveSoon(session);
  const untilGone = async (ms: number): Promise<void> => {
    const left = (): number => edge.visitors.size + edge.sessions.size + listening.handshakes();
    for (const endsAtMs = edge.now() + ms; left() > 0 && edge.now() < endsAtMs;) await Bun.sleep(pollMs);
  };

  await untilGone(deadlineMs);
  for (const { exchange } of [...edge.visitors])
    if (exchange !== null && isEndless(exchange)) cutExchange(exchange);
  await untilGone(longestTransferMs);

  edge.stopping = true;
  for (const visitor of [...edge.visitors])
    if (visitor.exchange !== null) cutExchange(visitor.exchange);
    else if (visitor.phase === "head") closeVisitor(visitor);
  for (const session of [...edge.sessions]) closeSession(session);
  await untilGone(farewellMs);
  listening.stop();
  await listening.flushed();
};

/** Whoever speaks over a WebSocket or follows events comes again by itself; a clone or a download would begin anew. */
const isEndless = ({ tunnel, answered, upstream }: Exchange): boolean =>
  tunnel !== null || (answered && upstream !== null && upstream.events);
