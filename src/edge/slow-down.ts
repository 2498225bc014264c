import { isHeldBack } from "./bandwidth.ts";
import { parseRequestHead } from "./request-head.ts";
import type { Edge, Exchange, UpstreamConnection } from "./state.ts";
import { pauseVisitor, resumeVisitor } from "./visitor-end.ts";

/** Exchanges of routes whose bandwidth is used up wait here between bytes; the sweep lets them on. */

/** Holds the answer back when its route may not send for the moment. @returns true when it does */
export const slowAnswer = (exchange: Exchange, upstream: UpstreamConnection | null): boolean => {
  if (!isHeldBack(exchange.target)) return false;
  exchange.visitor.edge.slowed.add(exchange);
  if (upstream !== null && !upstream.paused && upstream.phase !== "closed") {
    upstream.paused = true;
    upstream.out.socket.pause();
  }
  return true;
};

/** Holds back what the visitor sends. */
export const slowRequest = (exchange: Exchange): void => {
  if (!isHeldBack(exchange.target)) return;
  exchange.visitor.edge.slowed.add(exchange);
  pauseVisitor(exchange.visitor);
};

/** Lets go on what may; called by the sweep, and when a table may have changed what holds back. */
export const resumeSlowed = (edge: Edge): void => {
  for (const exchange of edge.slowed) {
    const { visitor } = exchange;
    if (visitor.exchange !== exchange) {
      edge.slowed.delete(exchange);
      continue;
    }
    if (isHeldBack(exchange.target)) {
      // Waiting is not the visitor's fault.
      if (exchange.answered)
        exchange.deadlineMs = Math.max(exchange.deadlineMs, edge.clock.nowMs + edge.deadlines.leaveMs);
      if (visitor.phase === "body") visitor.deadlineMs = edge.clock.nowMs + edge.deadlines.bodyMs;
      continue;
    }
    edge.slowed.delete(exchange);
    resume(exchange);
  }
};

const resume = (exchange: Exchange): void => {
  const begin = exchange.resume;
  if (begin !== null) {
    exchange.resume = null;
    begin();
    return;
  }
  const { visitor, upstream } = exchange;
  if (upstream !== null && upstream.paused && visitor.out.pendingBytes === 0) {
    upstream.paused = false;
    upstream.out.socket.resume();
  }
  if (visitor.out.pendingBytes === 0) exchange.source?.drained();
  const sending = upstream?.out.pendingBytes ?? 0;
  if (visitor.paused && sending === 0 && (visitor.phase === "body" || visitor.phase === "tunnel"))
    resumeVisitor(visitor);
};

/** The head of an exchange that waited, read again into the scratch space. @returns the position after it */
export const rereadHead = (exchange: Exchange): number => {
  const { edge } = exchange.visitor;
  const input = exchange.headInput!;
  return parseRequestHead(input, exchange.headAt, input.length, edge.requestOut, edge.requestHead);
};
