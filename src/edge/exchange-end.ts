import { countAnswer, countLatency, countOut } from "./meter.ts";
import { type OwnAnswer, pageAnswer, writeAnswer } from "./own-answer.ts";
import { dressOwnAnswer } from "./rules/dress-answer.ts";
import { tellServing } from "./shared/share.ts";
import { requestIdLine } from "./provenance.ts";
import type { Exchange } from "./state.ts";
import { noteEnd } from "./traffic.ts";
import { cancelUpstream } from "./upstream-connection.ts";
import { closeVisitor, lingerVisitor } from "./visitor-end.ts";

/** Takes the exchange out of the counts; idempotent by `visitor.exchange`. */
const leave = (exchange: Exchange): void => {
  const { visitor, target, replica, upstream, source } = exchange;
  visitor.exchange = null;
  target.meter.active--;
  if (target.share !== null) tellServing(visitor.edge, target);
  if (replica !== null) replica.active--;
  exchange.replica = null;
  exchange.upstream = null;
  exchange.source = null;
  if (upstream !== null) cancelUpstream(upstream);
  if (source !== null) source.cancel();
};

/** The answer is with the visitor's system. Goes on with the connection, or ends it. */
export const finishExchange = (exchange: Exchange): void => {
  const { visitor, target } = exchange;
  const { edge } = visitor;
  const unread = exchange.body !== "none";
  const nowMs = edge.now();
  noteEnd(exchange, nowMs, true);
  leave(exchange);
  countLatency(target.meter, nowMs - exchange.startedAtMs);
  if (visitor.phase === "closed") return;
  const over = visitor.left && visitor.held === null;
  if (!exchange.keepAlive || unread || over || edge.stopping) {
    if (unread || visitor.held !== null) lingerVisitor(visitor);
    else closeVisitor(visitor);
    return;
  }
  visitor.phase = "head";
  visitor.headBegun = false;
  visitor.deadlineMs = edge.clock.nowMs + edge.deadlines.keepAliveMs;
  if (!visitor.advancing && (visitor.held !== null || visitor.paused)) visitor.advance(visitor);
};

/** Called when the whole answer is in the visitor's outlet: finishes now, or when the outlet is empty. */
export const completeExchange = (exchange: Exchange): void => {
  exchange.complete = true;
  if (exchange.visitor.out.pendingBytes === 0) finishExchange(exchange);
};

/** The line that every answer over HTTPS gets when the route asks for it (RFC 6797), otherwise nothing. */
export const transportSecurityOf = ({ secure, target }: Exchange): string =>
  secure ? target.transportSecurity : "";

/** Answers from the edge itself, in place of an upstream's answer. */
export const answerExchange = (exchange: Exchange, plain: OwnAnswer): void => {
  const { visitor, target } = exchange;
  const answer = target.rules === null ? plain : dressOwnAnswer(target.rules, plain);
  const { edge } = visitor;
  if (exchange.upstream !== null) {
    cancelUpstream(exchange.upstream);
    exchange.upstream = null;
  }
  exchange.answered = true;
  visitor.phase = "answer";
  if (exchange.body !== "none" || edge.leaving) exchange.keepAlive = false;
  countAnswer(exchange, answer.status);
  const fields = `${answer.fields ?? ""}${requestIdLine(edge, exchange)}${transportSecurityOf(exchange)}`;
  countOut(exchange, writeAnswer(edge, visitor, { ...answer, fields }, exchange));
  completeExchange(exchange);
};

const failures: Record<number, [string, string]> = {
  400: ["Bad request", "The request could not be understood."],
  408: ["Request timed out", "The request did not arrive in time."],
  413: ["Request too large", "The request is larger than this site accepts."],
  500: ["Internal error", "Something went wrong while answering."],
  502: ["Bad gateway", "The site did not give a valid answer."],
  503: ["Unavailable", "The site is not available right now. Try again in a moment."],
  504: ["Gateway timeout", "The site did not answer in time."],
};

/** Something went wrong: an error page when nothing was answered yet, otherwise the answer visibly breaks off. */
export const failExchange = (exchange: Exchange, status: number): void => {
  if (exchange.answered) {
    abandonExchange(exchange);
    closeVisitor(exchange.visitor, true);
    return;
  }
  const [title, message] = failures[status] ?? failures[502]!;
  answerExchange(exchange, pageAnswer(status, title, message, status === 503 ? 1 : undefined));
};

/** The visitor is gone, or the answer broke off: the upstream is cancelled. Unanswered counts as 4xx. */
export const abandonExchange = (exchange: Exchange): void => {
  if (!exchange.answered) countAnswer(exchange, 499);
  noteEnd(exchange, exchange.visitor.edge.now(), false);
  leave(exchange);
};
