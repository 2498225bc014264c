import { ascii } from "./byte-classes.ts";
import { awaitNews } from "./await-news.ts";
import { isHeldBack } from "./bandwidth.ts";
import { decodeInto } from "./body-frame.ts";
import { makeWay } from "./capacity.ts";
import { flush, passOn, sendCopied, spend } from "./byte-socket.ts";
import { failExchange } from "./exchange-end.ts";
import { countIn } from "./meter.ts";
import { append, copyRange, room } from "./head-writer.ts";
import { appendRequestId } from "./provenance.ts";
import { chooseReplica, noteFailure, takeIdle } from "./replica-pool.ts";
import { parseRequestHead } from "./request-head.ts";
import type { Exchange, Replica, UpstreamConnection, Visitor } from "./state.ts";
import { slowRequest } from "./slow-down.ts";
import { connectUpstream } from "./upstream-connection.ts";
import { pauseVisitor, resumeVisitor } from "./visitor-end.ts";

/** The request's way: from the visitor to a replica. */

const crlf = ascii("\r\n");
const chunkedLine = ascii("Transfer-Encoding: chunked\r\n");
const expectLine = ascii("Expect: 100-continue\r\n");
const upgradeLines = ascii("Connection: Upgrade\r\nUpgrade: websocket\r\n");

/**
 * Sends the exchange, whose head is in `edge.requestOut`, to a replica: at once on a pooled connection, else
 * when a new one is open.
 * @returns the position up to which `input` is used
 */
export const dispatch = (exchange: Exchange, input: Uint8Array, after: number, end: number): number => {
  const { visitor } = exchange;
  const { edge } = visitor;
  const replica = chooseReplica(exchange.target, edge.clock.nowMs, null, exchange.group);
  if (replica === null) {
    failExchange(exchange, 503);
    return after;
  }
  assign(exchange, replica);
  const pooled = takeIdle(replica, exchange.repeatable, edge.clock.nowMs);
  if (pooled === null) {
    connect(exchange, replica);
    return after;
  }
  pooled.exchange = exchange;
  pooled.reused = true;
  pooled.heard = false;
  exchange.upstream = pooled;
  completeHead(exchange, edge.requestHead.fields.hostStart, edge.requestHead.fields.hostEnd, input);
  return sendHead(exchange, pooled, input, after, end);
};

const assign = (exchange: Exchange, replica: Replica): void => {
  if (exchange.replica !== null) exchange.replica.active--;
  replica.active++;
  exchange.replica = replica;
};

const connect = (exchange: Exchange, replica: Replica): void => {
  const { visitor } = exchange;
  const { edge } = visitor;
  if (!makeWay(edge)) {
    failExchange(exchange, 503);
    return;
  }
  visitor.phase = "connecting";
  connectUpstream(edge, replica, exchange, edge.upstreamEvents);
};

/** Adds the edge's own fields and the end of the head. */
const completeHead = (exchange: Exchange, hostStart: number, hostEnd: number, input: Uint8Array): void => {
  const out = exchange.visitor.edge.requestOut;
  append(out, exchange.provenance);
  copyRange(out, input, hostStart, hostEnd);
  append(out, crlf);
  appendRequestId(out, exchange.visitor.edge, exchange);
  if (exchange.body === "chunked") append(out, chunkedLine);
  if (exchange.expectContinue) append(out, expectLine);
  if (exchange.webSocket) append(out, upgradeLines);
  append(out, crlf);
};

/** Writes the finished head, with body bytes that are there already where they fit into the same write. */
const sendHead = (
  exchange: Exchange,
  upstream: UpstreamConnection,
  input: Uint8Array,
  after: number,
  end: number,
): number => {
  const { visitor } = exchange;
  const { edge } = visitor;
  const out = edge.requestOut;
  let at = after;
  if (exchange.body === "length" && end > after) {
    const length = Math.min(exchange.bodyRemaining, end - after, room(out));
    copyRange(out, input, after, after + length);
    at += length;
    countBody(exchange, length);
  }
  upstream.phase = "head";
  const taken = sendCopied(upstream.out, out.bytes, 0, out.length, edge.clock);
  if (!exchange.repeatable) exchange.headInput = null;
  if (exchange.body === "none") awaitAnswer(exchange);
  else {
    visitor.phase = "body";
    visitor.deadlineMs = edge.clock.nowMs + edge.deadlines.bodyMs;
    if (!taken) pauseVisitor(visitor);
  }
  return at;
};

const countBody = (exchange: Exchange, bytes: number): void => {
  countIn(exchange, bytes);
  exchange.bodyRemaining -= bytes;
  if (exchange.bodyRemaining === 0) exchange.body = "none";
};

const awaitAnswer = (exchange: Exchange): void => {
  const { visitor } = exchange;
  const { edge } = visitor;
  visitor.phase = "answer";
  visitor.deadlineMs = Number.POSITIVE_INFINITY;
  if (!exchange.answered)
    exchange.deadlineMs =
      edge.clock.nowMs + (visitor.left ? edge.deadlines.leaveMs : edge.deadlines.answerMs);
};

/** A connection is open: the head is put together anew, since others used the scratch space meanwhile. */
export const upstreamOpened = (upstream: UpstreamConnection): void => {
  const { exchange } = upstream;
  if (exchange === null) return;
  const { visitor, headInput } = exchange;
  const { edge } = visitor;
  const { requestHead: head, requestOut: out } = edge;
  parseRequestHead(headInput!, exchange.headAt, headInput!.length, out, head);
  completeHead(exchange, head.fields.hostStart, head.fields.hostEnd, headInput!);
  const held = visitor.held;
  visitor.held = null;
  if (held === null) sendHead(exchange, upstream, crlf, 0, 0);
  else {
    const at = sendHead(exchange, upstream, held, 0, held.length);
    if (at < held.length) visitor.held = at === 0 ? held : held.subarray(at);
  }
  if (visitor.held !== null || visitor.paused) visitor.advance(visitor);
};

/** No connection came about: another replica gets the request, since nothing was sent. */
export const upstreamFailed = (upstream: UpstreamConnection): void => {
  const { exchange, replica, edge } = upstream;
  noteFailure(replica, edge.clock.nowMs);
  if (exchange === null) return;
  exchange.upstream = null;
  const other =
    ++exchange.connectFailures < 2
      ? chooseReplica(exchange.target, edge.clock.nowMs, replica, exchange.group)
      : null;
  if (other === null) {
    if (upstream.deadlineMs <= edge.clock.nowMs) failExchange(exchange, 504);
    else if (!awaitNews(exchange)) failExchange(exchange, 502);
    return;
  }
  assign(exchange, other);
  connect(exchange, other);
};

/**
 * The pooled connection turned out to be closed before a byte of an answer came: the request is sent once more,
 * on a new connection, if sending it twice is harmless (RFC 9110 section 9.2.2). @returns false if it is not
 */
export const retryStale = (exchange: Exchange, upstream: UpstreamConnection): boolean => {
  if (!upstream.reused || !mayResend(exchange)) return false;
  const replica = upstream.replica.retired
    ? chooseReplica(exchange.target, exchange.visitor.edge.clock.nowMs, null, exchange.group)
    : upstream.replica;
  if (replica === null) return false;
  exchange.resent = true;
  exchange.upstream = null;
  assign(exchange, replica);
  connect(exchange, replica);
  return true;
};

/** Sending it twice is harmless, its head is still there, and it was not done yet. */
const mayResend = ({ repeatable, headInput, resent }: Exchange): boolean =>
  repeatable && headInput !== null && !resent;

/**
 * A new connection was reset, or closed, before a byte of an answer: the replica is left out for a while, and the
 * request goes once to another one, if sending it twice is harmless. @returns false if it does not
 */
export const retryElsewhere = (exchange: Exchange, upstream: UpstreamConnection): boolean => {
  const { replica, edge } = upstream;
  noteFailure(replica, edge.clock.nowMs);
  if (!mayResend(exchange) || ++exchange.connectFailures > 1) return false;
  const other = chooseReplica(exchange.target, edge.clock.nowMs, replica, exchange.group);
  if (other === null) return false;
  exchange.resent = true;
  exchange.upstream = null;
  assign(exchange, other);
  connect(exchange, other);
  return true;
};

/**
 * Passes on body bytes. @returns the position after what was used; the body may end before `end`
 */
export const forwardBody = (exchange: Exchange, input: Uint8Array, from: number, end: number): number => {
  const { visitor } = exchange;
  const { edge } = visitor;
  const upstream = exchange.upstream!;
  let at = from;
  let room = true;
  visitor.deadlineMs = edge.clock.nowMs + edge.deadlines.bodyMs;
  if (exchange.body === "length") {
    const length = Math.min(exchange.bodyRemaining, end - from);
    room = passOn(upstream.out, input, from, from + length, edge.clock);
    at += length;
    countBody(exchange, length);
  } else {
    const chunks = exchange.chunks!;
    const { frame } = edge;
    while (at < end && !chunks.done) {
      const after = decodeInto(frame, chunks, input, at, end, true);
      if (after < 0) {
        failExchange(exchange, 400);
        return end;
      }
      countIn(exchange, after - at);
      exchange.bodyBytes += frame.dataBytes;
      at = after;
      if (exchange.bodyBytes > exchange.target.route.limits.maxBodyBytes) {
        failExchange(exchange, 413);
        return end;
      }
      if (frame.length > frame.start)
        room = sendCopied(upstream.out, frame.bytes, frame.start, frame.length, edge.clock) && room;
    }
    if (chunks.done) exchange.body = "none";
    else spend(input);
  }
  if (exchange.body === "none") awaitAnswer(exchange);
  else if (!room) pauseVisitor(visitor);
  else slowRequest(exchange);
  return at;
};

/** The upstream takes bytes again. */
export const upstreamDrained = (upstream: UpstreamConnection): void => {
  const { exchange, edge } = upstream;
  if (!flush(upstream.out, edge.clock) || exchange === null) return;
  const { visitor } = exchange;
  if (!visitor.paused || (visitor.phase !== "body" && visitor.phase !== "tunnel")) return;
  if (visitor.phase === "body") visitor.deadlineMs = edge.clock.nowMs + edge.deadlines.bodyMs;
  if (isHeldBack(exchange.target)) slowRequest(exchange);
  else resumeVisitor(visitor);
};

/** How much a visitor may send ahead while it waits, before it is paused. */
const maxHeldBytes = 64 * 1024;

/** Keeps what cannot be used yet: pipelined requests, and body bytes while connecting. */
export const hold = (visitor: Visitor, bytes: Uint8Array): void => {
  visitor.held = visitor.held === null ? bytes : Buffer.concat([visitor.held, bytes]);
  if (visitor.held.length > maxHeldBytes) pauseVisitor(visitor);
};
