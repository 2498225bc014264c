import { type ByteSocket, createOutlet, flush } from "../byte-socket.ts";
import type { Edge } from "../state.ts";
import type { SecureChannel } from "../tls/secure-channel.ts";
import { plainAddress } from "../visitor.ts";
import { frameRead } from "./frame-reader.ts";
import { isBlocked, writeOut, writeSettings, writeWindowUpdate } from "./frame-writer.ts";
import { createHpackDecoder, maxListBytes } from "./hpack-decoder.ts";
import {
  Code,
  ConnectionError,
  connectionWindow,
  defaultWindow,
  frameHeadBytes,
  maxPayloadBytes,
  maxStreams,
  preface,
  Setting,
  streamWindow,
} from "./protocol.ts";
import { closeSession, endSession, failSession, leaveNow, leaveSoon } from "./session-end.ts";
import type { Session, Shared } from "./state.ts";
import { serveWaiting } from "./waiting.ts";

/** A visitor's connection that speaks HTTP/2 (RFC 9113), chosen in the TLS handshake. */

const settings = [
  [Setting.maxConcurrentStreams, maxStreams],
  [Setting.initialWindowSize, streamWindow],
  [Setting.maxHeaderListSize, maxListBytes],
] as const;

export const sessionOpened = (
  edge: Edge,
  shared: Shared,
  socket: ByteSocket,
  channel: SecureChannel | null,
): Session => {
  const session: Session = {
    edge,
    shared,
    out: createOutlet(socket),
    address: plainAddress(socket.remoteAddress),
    channel,
    phase: "preface",
    parts: [],
    partBytes: 0,
    neededBytes: 1,
    decoder: createHpackDecoder(),
    block: null,
    blockDeadlineMs: Number.POSITIVE_INFINITY,
    streams: new Map(),
    lastStreamId: 0,
    reset: new Set(),
    skipped: new Set(),
    buffer: null,
    waiting: new Set(),
    sendWindow: defaultWindow,
    peerWindow: defaultWindow,
    tableUnsaid: true,
    receiveWindow: connectionWindow,
    ungranted: 0,
    resets: null,
    chatter: null,
    leaving: "no",
    deadlineMs: edge.clock.nowMs + edge.deadlines.headMs,
  };
  edge.sessions.add(session);
  writeSettings(session, settings);
  writeWindowUpdate(session, 0, connectionWindow - defaultWindow);
  if (edge.leaving) leaveSoon(session);
  writeOut(session);
  return session;
};

export const sessionData = (session: Session, bytes: Uint8Array): void => {
  if (session.phase === "over" || session.phase === "closed") return;
  let input = bytes;
  if (session.partBytes > 0) {
    session.parts.push(bytes);
    session.partBytes += bytes.length;
    // Frames that drip in are put together once, not for every byte.
    if (session.partBytes < session.neededBytes) return;
    input = Buffer.concat(session.parts);
    session.parts.length = 0;
    session.partBytes = 0;
  }
  try {
    const at = read(session, input);
    if (at === input.length || isOver(session)) return;
    session.parts.push(at === 0 ? input : input.subarray(at));
    session.partBytes = input.length - at;
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    failSession(session, error.h2Code);
  }
};

const isOver = ({ phase }: Session): boolean => phase === "over" || phase === "closed";

/** @returns the position up to which whole frames were read; `neededBytes` says what the next one takes */
const read = (session: Session, input: Uint8Array): number => {
  let at = 0;
  if (session.phase === "preface") {
    const length = Math.min(preface.length, input.length);
    for (let i = 0; i < length; i++)
      if (input[i] !== preface[i]) throw new ConnectionError(Code.protocol, "not HTTP/2");
    session.neededBytes = preface.length;
    if (length < preface.length) return 0;
    session.phase = "settings";
    at = preface.length;
  }
  const end = input.length;
  session.neededBytes = frameHeadBytes;
  while (end - at >= frameHeadBytes) {
    const length = (input[at]! << 16) | (input[at + 1]! << 8) | input[at + 2]!;
    if (length > maxPayloadBytes) throw new ConnectionError(Code.frameSize, "a frame above 2^14 bytes");
    const next = at + frameHeadBytes + length;
    if (next > end) {
      session.neededBytes = frameHeadBytes + length;
      return at;
    }
    const streamId =
      ((input[at + 5]! & 0x7f) << 24) | (input[at + 6]! << 16) | (input[at + 7]! << 8) | input[at + 8]!;
    const payload = input.subarray(at + frameHeadBytes, next);
    frameRead(session, input[at + 3]!, input[at + 4]!, streamId, payload);
    if (isOver(session)) return end;
    at = next;
  }
  // What is not read by the visitor may not pile up: answers to its PINGs, SETTINGS, refused requests.
  if (session.out.pendingBytes > mostPendingBytes)
    throw new ConnectionError(Code.enhanceYourCalm, "more asked than read");
  return at;
};

const mostPendingBytes = 512 * 1024;

/** The visitor's system takes bytes again. */
export const sessionDrained = (session: Session): void => {
  if (session.phase === "closed" || !flush(session.out, session.edge.clock)) return;
  if (session.phase === "over") session.out.socket.shutdown();
  else serveWaiting(session);
  if (!isBlocked(session)) writeOut(session);
};

/** The visitor sends nothing more: with HTTP/2 it is gone, whatever it has asked for. */
export const sessionEnded = (session: Session): void => closeSession(session);

/** Looks after the session's deadlines; those of its streams are looked after as of any visitor. */
export const sweepSession = (session: Session, nowMs: number): void => {
  const { out, edge } = session;
  if (out.pendingBytes > 0) {
    if (nowMs - out.movedAtMs >= edge.deadlines.stallMs) closeSession(session, true);
    return;
  }
  if (session.phase === "over") {
    if (session.deadlineMs <= nowMs) closeSession(session);
    return;
  }
  if (session.block !== null && session.blockDeadlineMs <= nowMs) failSession(session, Code.enhanceYourCalm);
  else if (session.deadlineMs <= nowMs) late(session);
};

/** Nothing came when something had to: a preface, a request, an answer to what was said last. */
const late = (session: Session): void => {
  if (session.leaving === "soon") {
    session.deadlineMs = Number.POSITIVE_INFINITY;
    leaveNow(session);
  } else if (session.phase === "open" && session.streams.size === 0 && session.leaving === "no")
    leaveSoon(session);
  else if (session.streams.size === 0) endSession(session);
};
