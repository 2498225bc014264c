import { ascii, CR, LF } from "./byte-classes.ts";
import { type ByteSocket, createOutlet, flush } from "./byte-socket.ts";
import { logRefused } from "./access-log/log-refused.ts";
import { beginExchange } from "./exchange.ts";
import { abandonExchange, finishExchange } from "./exchange-end.ts";
import { maxHeadBytes } from "./fields.ts";
import { plainAnswer, writeAnswer } from "./own-answer.ts";
import { provenanceFor } from "./provenance.ts";
import { isIntroduced, noteIntroduction } from "./proxy-protocol/introduce.ts";
import { readProxyHeader } from "./proxy-protocol/proxy-header.ts";
import { forwardBody, hold } from "./request.ts";
import { parseRequestHead } from "./request-head.ts";
import type { Edge, Visitor } from "./state.ts";
import type { SecureChannel } from "./tls/secure-channel.ts";
import { slowAnswer } from "./slow-down.ts";
import { endTunnel, tunnelToUpstream } from "./tunnel.ts";
import { closeVisitor, lingerVisitor, pauseVisitor, resumeVisitor } from "./visitor-end.ts";

/** A visitor's connection: a queue of bytes that is read request by request, one at a time. */

/** @param introduced its PROXY header was read already */
export const visitorOpened = (
  edge: Edge,
  socket: ByteSocket,
  channel: SecureChannel | null,
  introduced = channel !== null,
): Visitor => {
  const address = plainAddress(socket.remoteAddress);
  const visitor: Visitor = {
    edge,
    out: createOutlet(socket),
    address,
    http2: socket.http2 === true,
    channel,
    secure: channel !== null,
    provenance: provenanceFor(edge.lastProvenance, address, channel !== null),
    phase: !introduced && isIntroduced(edge, address) ? "introduction" : "head",
    held: null,
    paused: false,
    advancing: false,
    exchange: null,
    deadlineMs: edge.clock.nowMs + edge.deadlines.headMs,
    headBegun: true,
    left: false,
    advance,
  };
  edge.visitors.add(visitor);
  return visitor;
};

/** An IPv4 address on a socket that speaks both is written as IPv4. */
export const plainAddress = (address: string): string =>
  address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;

export const visitorData = (visitor: Visitor, bytes: Uint8Array): void => {
  const { held } = visitor;
  if (held === null) {
    read(visitor, bytes);
    return;
  }
  if (visitor.phase === "introduction") {
    visitor.held = null;
    read(visitor, Buffer.concat([held, bytes]));
    return;
  }
  if (visitor.phase === "head" && visitor.out.pendingBytes === 0) {
    const joined = Buffer.concat([held, bytes]);
    // A head that drips in is not read again for every byte: only a line's end can complete it.
    if (joined.length <= maxHeadBytes && !bytes.includes(0x0a) && !bytes.includes(0)) visitor.held = joined;
    else {
      visitor.held = null;
      read(visitor, joined);
    }
    return;
  }
  hold(visitor, bytes);
};

/** Goes on with what was held back. */
const advance = (visitor: Visitor): void => {
  const { held } = visitor;
  visitor.held = null;
  if (held !== null) read(visitor, held);
  if (visitor.paused) settle(visitor);
};

/** Lets a paused visitor send again, unless what it sent already still waits for something. */
const settle = (visitor: Visitor): void => {
  const { phase, exchange } = visitor;
  const waits =
    phase === "head"
      ? visitor.out.pendingBytes > 0
      : phase === "body" || phase === "tunnel"
        ? (exchange!.upstream !== null && exchange!.upstream.out.pendingBytes > 0) ||
          slowAnswer(exchange!, null)
        : visitor.held !== null;
  if (!waits) resumeVisitor(visitor);
};

const read = (visitor: Visitor, input: Uint8Array): void => {
  visitor.advancing = true;
  const end = input.length;
  let at = 0;
  reading: while (at < end) {
    switch (visitor.phase) {
      case "introduction":
        at = introduce(visitor, input);
        break;
      case "head":
        if (visitor.out.pendingBytes > 0) {
          // The answers before are not read yet: no further request until they are.
          hold(visitor, at === 0 ? input : input.subarray(at));
          pauseVisitor(visitor);
          break reading;
        }
        at = readHead(visitor, input, at, end);
        break;
      case "body":
        at = forwardBody(visitor.exchange!, input, at, end);
        break;
      case "connecting":
      case "answer":
        hold(visitor, at === 0 ? input : input.subarray(at));
        break reading;
      case "tunnel":
        tunnelToUpstream(visitor.exchange!, input, at, end);
        break reading;
      case "linger":
      case "closed":
        break reading;
    }
  }
  visitor.advancing = false;
  if (visitor.paused) settle(visitor);
};

/** Reads the PROXY header, the first bytes of the connection. @returns the position after it */
const introduce = (visitor: Visitor, input: Uint8Array): number => {
  const header = readProxyHeader(input);
  if (header === "more") {
    visitor.held = input;
    return input.length;
  }
  if (header === "wrong") {
    noteIntroduction(visitor.edge, visitor.address);
    closeVisitor(visitor, true);
    return input.length;
  }
  visitor.address = header.address ?? visitor.address;
  visitor.secure ||= header.secure === true;
  visitor.provenance = provenanceFor(visitor.edge.lastProvenance, visitor.address, visitor.secure);
  visitor.phase = "head";
  return header.length;
};

const readHead = (visitor: Visitor, input: Uint8Array, at: number, end: number): number => {
  const { edge } = visitor;
  const after = parseRequestHead(input, at, end, edge.requestOut, edge.requestHead);
  if (after > 0) return beginExchange(visitor, input, at, after, end);
  if (after === 0 && end - at <= maxHeadBytes) {
    if (visitor.left) {
      closeVisitor(visitor);
      return end;
    }
    visitor.held = at === 0 ? input : input.subarray(at);
    if (!visitor.headBegun) {
      visitor.headBegun = true;
      visitor.deadlineMs = edge.clock.nowMs + edge.deadlines.headMs;
    }
    return end;
  }
  refuse(visitor, after === 0 ? 431 : -after, input, at, end);
  return end;
};

const headStart = ascii("HEAD ");

/** An answer to HEAD has no body (RFC 9110 section 9.3.2), a refusal neither. */
const asksHead = (input: Uint8Array, from: number): boolean => {
  const at = input[from] === CR && input[from + 1] === LF ? from + 2 : from;
  return headStart.every((byte, i) => input[at + i] === byte);
};

/** Answers what cannot be read as a request; nothing that follows on the connection is looked at. */
const refuse = (visitor: Visitor, status: number, input: Uint8Array, from: number, to: number): void => {
  const bytesOut = writeAnswer(visitor.edge, visitor, plainAnswer(status), {
    isHead: asksHead(input, from),
    keepAlive: false,
    minor: 1,
  });
  logRefused(visitor, input, from, to, status, bytesOut);
  lingerVisitor(visitor);
};

/** The visitor's system takes bytes again. */
export const visitorDrained = (visitor: Visitor): void => {
  if (visitor.phase === "closed" || !flush(visitor.out, visitor.edge.clock)) return;
  const { exchange } = visitor;
  if (exchange === null) {
    if (visitor.left && visitor.held === null) closeVisitor(visitor);
    else if (visitor.phase === "linger") visitor.out.socket.shutdown();
    else if (visitor.held !== null || visitor.paused) advance(visitor);
    return;
  }
  if (exchange.complete) {
    if (visitor.phase === "tunnel") endTunnel(exchange, "upstream", true);
    else finishExchange(exchange);
    return;
  }
  const { upstream } = exchange;
  if (slowAnswer(exchange, upstream)) return;
  if (upstream?.paused) {
    upstream.paused = false;
    upstream.out.socket.resume();
  }
  exchange.source?.drained();
};

/**
 * The visitor sends nothing more, or (not `clean`) the connection broke. Most who send FIN have closed both ways,
 * some wait for their answer: one that is coming may still arrive, but none is waited for longer than a moment.
 */
export const visitorEnded = (visitor: Visitor, clean: boolean): void => {
  if (visitor.phase === "closed") return;
  const { exchange, edge, phase } = visitor;
  if (exchange !== null && phase === "tunnel") {
    endTunnel(exchange, "visitor", clean);
    return;
  }
  if (clean && (phase === "answer" || phase === "connecting") && exchange?.body === "none") {
    visitor.left = true;
    exchange.deadlineMs = edge.clock.nowMs + edge.deadlines.leaveMs;
    resumeVisitor(visitor);
    return;
  }
  if (clean && exchange === null && visitor.out.pendingBytes > 0) {
    visitor.left = true;
    return;
  }
  if (exchange !== null) abandonExchange(exchange);
  closeVisitor(visitor);
};

/** A deadline of the visitor's own has passed. */
export const visitorLate = (visitor: Visitor): void => {
  const { held } = visitor;
  if (visitor.phase === "head" && visitor.headBegun && held !== null)
    refuse(visitor, 408, held, 0, held.length);
  else visitorEnded(visitor, true);
};
