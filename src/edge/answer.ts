import { ascii } from "./byte-classes.ts";
import { chunkInto, decodeInto } from "./body-frame.ts";
import { passOn, sendCopied, spend } from "./byte-socket.ts";
import { createChunkedBody } from "./chunked-body.ts";
import { completeExchange, failExchange, transportSecurityOf } from "./exchange-end.ts";
import { maxHeadBytes } from "./fields.ts";
import { append, appendText, copyRange, type HeadWriter, room } from "./head-writer.ts";
import { countAnswer, countOut, uncountAnswer } from "./meter.ts";
import { giveBack, noteAnswer } from "./replica-pool.ts";
import { retryElsewhere, retryStale } from "./request.ts";
import { parseResponseHead } from "./response-head.ts";
import type { Exchange, UpstreamConnection } from "./state.ts";
import { groupCookie } from "./split.ts";
import { beginTunnel, endTunnel, tunnelToVisitor } from "./tunnel.ts";
import { isWorthIt, writeCodedHead } from "./rules/compression.ts";
import { dressHead } from "./rules/dress-answer.ts";
import { createPacker, packBody, type Packer } from "./rules/pack-answer.ts";
import { slowAnswer } from "./slow-down.ts";
import { quicken } from "./pace.ts";
import { takeTurn } from "./turns.ts";
import { cancelUpstream, closeUpstream } from "./upstream-connection.ts";

/** The answer's way: from the replica to the visitor. */

const crlf = ascii("\r\n");
const chunkedLine = ascii("Transfer-Encoding: chunked\r\n");
const closeLine = ascii("Connection: close\r\n");
const keepAliveLine = ascii("Connection: keep-alive\r\n");
const lastChunk = ascii("0\r\n\r\n");

/** Bytes from a replica. */
export const upstreamData = (upstream: UpstreamConnection, bytes: Uint8Array): void => {
  const { exchange } = upstream;
  if (exchange === null || upstream.phase === "idle") {
    // An answer that nobody asked for must never meet the next request.
    cancelUpstream(upstream);
    return;
  }
  upstream.heard = true;
  let input = bytes;
  if (upstream.held !== null) {
    input = Buffer.concat([upstream.held, bytes]);
    // A head that drips in is not read again for every byte: only a line's end can complete it.
    if (upstream.phase === "head" && input.length <= maxHeadBytes && !bytes.includes(0x0a)) {
      upstream.held = input;
      return;
    }
    upstream.held = null;
  }
  switch (upstream.phase) {
    case "head":
      readHeads(exchange, upstream, input);
      break;
    case "body":
      passBody(exchange, upstream, input, 0, null);
      break;
    case "tunnel":
      tunnelToVisitor(exchange, upstream, input, 0);
      break;
    default:
  }
};

/** Reads interim answers (passed on) and the final one's head, and begins its body. */
const readHeads = (exchange: Exchange, upstream: UpstreamConnection, input: Uint8Array): void => {
  const { visitor } = exchange;
  const { edge } = visitor;
  const { responseHead: head, responseOut: out } = edge;
  const secured = transportSecurityOf(exchange) !== "";
  let at = 0;
  while (at < input.length) {
    const after = parseResponseHead(input, at, input.length, out, head, secured);
    if (after < 0 || (after === 0 && input.length - at > maxHeadBytes)) {
      failExchange(exchange, 502);
      return;
    }
    if (after === 0) {
      upstream.held = at === 0 ? input : input.subarray(at);
      return;
    }
    at = after;
    if (head.status === 101) {
      if (upstream.replica.failures > 0) noteAnswer(upstream.replica);
      if (exchange.webSocket) beginTunnel(exchange, upstream, input, at);
      else failExchange(exchange, 502);
      return;
    }
    if (head.status >= 200) {
      beginAnswer(exchange, upstream);
      passBody(exchange, upstream, input, at, out);
      return;
    }
    if (exchange.minor === 1) {
      append(out, crlf);
      countOut(exchange, out.length);
      if (!sendCopied(visitor.out, out.bytes, 0, out.length, edge.clock)) pauseUpstream(upstream);
    }
  }
};

const eventStream = "text/event-stream";
/** Rough, as for a deadline that is all it decides: the words stand in the head. */
const namesEvents = ({ bytes, length }: HeadWriter): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, length).includes(eventStream, 0, "latin1");

/** Decides both framings and writes the rest of the head into `responseOut`. */
const beginAnswer = (exchange: Exchange, upstream: UpstreamConnection): void => {
  const { visitor, target } = exchange;
  const { edge } = visitor;
  const { responseHead: head, responseOut: out } = edge;
  const { fields, status } = head;
  countAnswer(exchange, status);
  if (exchange.seen !== null) exchange.answeredAtMs = edge.now();
  exchange.answered = true;
  exchange.headInput = null;
  upstream.phase = "body";
  upstream.keepAlive = head.keepAlive;
  if (fields.keepAliveSeconds >= 0)
    upstream.maxIdleMs = Math.min(edge.deadlines.upstreamIdleMs, fields.keepAliveSeconds * 1000 - 1000);

  if (exchange.isHead || status === 204 || status === 304) upstream.framing = "none";
  else if (fields.chunked) {
    upstream.framing = "chunked";
    upstream.chunks = createChunkedBody();
  } else if (fields.contentLength >= 0) {
    upstream.framing = fields.contentLength === 0 ? "none" : "length";
    upstream.remaining = fields.contentLength;
  } else {
    upstream.framing = "close";
    upstream.keepAlive = false;
  }
  const unframed = upstream.framing === "chunked" || upstream.framing === "close";
  upstream.events = unframed && namesEvents(out);
  exchange.chunkedOut = unframed && exchange.minor === 1;
  if (
    exchange.coding !== null &&
    upstream.framing !== "none" &&
    isWorthIt(status, fields.contentLength, out)
  ) {
    writeCodedHead(out, exchange.coding);
    exchange.chunkedOut = true;
    exchange.packer = createPacker(exchange, exchange.coding, unframed);
  }
  // An answer that comes before the whole request: what follows on the connection may be the rest of the body.
  if ((unframed && exchange.minor === 0) || exchange.body !== "none" || edge.leaving)
    exchange.keepAlive = false;
  if (upstream.replica.failures > 0) noteAnswer(upstream.replica);
  if (exchange.groupIsNew) appendText(out, groupCookie(exchange));
  if (target.rules !== null) dressHead(target.rules, out);
  const transportSecurity = transportSecurityOf(exchange);
  if (transportSecurity !== "") appendText(out, transportSecurity);
  // Whoever passes on an answer without a date dates it (RFC 9110 section 6.6.1).
  if (!fields.dated) append(out, edge.date.line);
  if (exchange.chunkedOut) append(out, chunkedLine);
  if (!exchange.keepAlive) append(out, closeLine);
  else if (exchange.minor === 0) append(out, keepAliveLine);
  append(out, crlf);
};

/** Passes on body bytes; `head` is the finished head when it is still to be sent, in one write with what fits. */
const passBody = (
  exchange: Exchange,
  upstream: UpstreamConnection,
  input: Uint8Array,
  from: number,
  head: HeadWriter | null,
): void => {
  const { visitor } = exchange;
  const { edge } = visitor;
  const end = input.length;
  let at = from;
  let done = upstream.framing === "none";
  exchange.deadlineMs = edge.clock.nowMs + (visitor.left ? edge.deadlines.leaveMs : edge.deadlines.silenceMs);
  if (exchange.packer !== null) {
    passPacked(exchange, upstream, exchange.packer, input, from, head);
    return;
  }
  if (upstream.framing === "length") {
    const length = Math.min(upstream.remaining, end - at);
    upstream.remaining -= length;
    done = upstream.remaining === 0;
    at += length;
    if (head !== null && length <= room(head)) copyRange(head, input, from, at);
    else {
      if (head !== null) emit(exchange, head.bytes, 0, head.length, true);
      head = null;
      emit(exchange, input, from, at, false);
    }
  } else if (!done) {
    const { frame } = edge;
    while (at < end && !done) {
      if (upstream.framing === "chunked") {
        at = decodeInto(frame, upstream.chunks!, input, at, end, exchange.chunkedOut);
        if (at < 0) {
          if (head !== null) {
            // Nothing of it was sent: 502 instead of a connection that ends without a word.
            uncountAnswer(exchange);
            exchange.answered = false;
          }
          failExchange(exchange, 502);
          return;
        }
        done = upstream.chunks!.done;
      } else if (exchange.chunkedOut) at = chunkInto(frame, input, at, end);
      else {
        if (head !== null) emit(exchange, head.bytes, 0, head.length, true);
        head = null;
        emit(exchange, input, at, end, false);
        at = end;
        break;
      }
      if (head !== null && frame.length - frame.start <= room(head)) {
        copyRange(head, frame.bytes, frame.start, frame.length);
        continue;
      }
      if (head !== null) emit(exchange, head.bytes, 0, head.length, true);
      head = null;
      emit(exchange, frame.bytes, frame.start, frame.length, true);
    }
    if (upstream.framing === "chunked" || exchange.chunkedOut) spend(input);
  }
  if (head !== null) emit(exchange, head.bytes, 0, head.length, true);
  if (done) {
    if (at < end) upstream.keepAlive = false;
    release(exchange, upstream);
    completeExchange(exchange);
  } else if (visitor.out.pendingBytes > 0) pauseUpstream(upstream);
  else if (!slowAnswer(exchange, upstream)) {
    quicken(exchange, upstream);
    takeTurn(edge, upstream, end - from);
  }
};

const passPacked = (
  exchange: Exchange,
  upstream: UpstreamConnection,
  packer: Packer,
  input: Uint8Array,
  from: number,
  head: HeadWriter | null,
): void => {
  const end = input.length;
  const packed = packBody(exchange, upstream, packer, input, from, head);
  if (packed === null) return;
  // The packer has a copy.
  spend(input);
  if (packed.done) {
    if (packed.at < end) upstream.keepAlive = false;
    release(exchange, upstream);
  } else if (!packed.room) pauseUpstream(upstream);
  else slowAnswer(exchange, upstream);
};

const emit = (exchange: Exchange, bytes: Uint8Array, from: number, to: number, copied: boolean): void => {
  if (to === from) return;
  const { visitor } = exchange;
  countOut(exchange, to - from);
  if (copied) sendCopied(visitor.out, bytes, from, to, visitor.edge.clock);
  else passOn(visitor.out, bytes, from, to, visitor.edge.clock);
};

/** The answer is whole: the connection serves the next request, if both sides are where they should be. */
const release = (exchange: Exchange, upstream: UpstreamConnection): void => {
  exchange.upstream = null;
  upstream.exchange = null;
  upstream.chunks = null;
  if (!upstream.keepAlive) closeUpstream(upstream);
  else if (exchange.body !== "none" || upstream.out.pendingBytes > 0) cancelUpstream(upstream);
  else giveBack(upstream);
};

const pauseUpstream = (upstream: UpstreamConnection): void => {
  if (upstream.paused || upstream.phase === "closed") return;
  upstream.paused = true;
  upstream.out.socket.pause();
};

/** The upstream closed its side, or the connection broke. */
export const upstreamEnded = (upstream: UpstreamConnection, clean: boolean): void => {
  const { exchange, phase } = upstream;
  if (exchange === null || phase === "idle") {
    closeUpstream(upstream);
    return;
  }
  if (phase === "tunnel") {
    endTunnel(exchange, "upstream", clean);
    return;
  }
  if (phase === "body" && upstream.framing === "close" && clean) {
    if (exchange.packer !== null) {
      exchange.packer.end();
      release(exchange, upstream);
      return;
    }
    if (exchange.chunkedOut) emit(exchange, lastChunk, 0, lastChunk.length, false);
    release(exchange, upstream);
    completeExchange(exchange);
    return;
  }
  cancelUpstream(upstream);
  exchange.upstream = null;
  if (!upstream.heard && (upstream.reused ? retryStale : retryElsewhere)(exchange, upstream)) return;
  failExchange(exchange, 502);
};
