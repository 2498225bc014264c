import { annoyed, resetSeen } from "./abuse.ts";
import { writePing, writeSettingsAck } from "./frame-writer.ts";
import {
  Code,
  ConnectionError,
  Flag,
  Frame,
  maxBlockBytes,
  maxContinuations,
  maxPayloadBytes,
  maxWindow,
  Setting,
} from "./protocol.ts";
import { blockRead, dataRead, streamReset } from "./requests.ts";
import { endSession, leaveNow, leavePing } from "./session-end.ts";
import { resetStream } from "./stream.ts";
import { visitorEnded } from "../visitor.ts";
import type { Session } from "./state.ts";
import { serveWindow, wake } from "./waiting.ts";

const protocolError = (what: string): ConnectionError => new ConnectionError(Code.protocol, what);
const sizeError = (what: string): ConnectionError => new ConnectionError(Code.frameSize, what);

/**
 * Deals with one whole frame.
 * @throws ConnectionError when the connection cannot go on
 */
export const frameRead = (
  session: Session,
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array,
): void => {
  if (session.phase === "settings") {
    if (type !== Frame.settings || (flags & Flag.ack) !== 0) throw protocolError("SETTINGS must come first");
    session.phase = "open";
    session.deadlineMs = session.edge.clock.nowMs + session.edge.deadlines.keepAliveMs;
  }
  if (session.block !== null && type !== Frame.continuation)
    throw protocolError("a header block is cut by another frame");
  switch (type) {
    case Frame.data: {
      if (streamId === 0) throw protocolError("DATA without a stream");
      const content = unpadded(flags, payload, 0);
      dataRead(session, streamId, content, payload.length, (flags & Flag.endStream) !== 0);
      return;
    }
    case Frame.headers:
      headersRead(session, flags, streamId, payload);
      return;
    case Frame.continuation:
      continuationRead(session, flags, streamId, payload);
      return;
    case Frame.priority:
      if (streamId === 0) throw protocolError("PRIORITY without a stream");
      annoyed(session);
      if (payload.length !== 5) streamFault(session, streamId, Code.frameSize);
      else if (numberAt(payload, 0) % 2 ** 31 === streamId) streamFault(session, streamId, Code.protocol);
      return;
    case Frame.reset:
      if (streamId === 0) throw protocolError("RST_STREAM without a stream");
      if (payload.length !== 4) throw sizeError("RST_STREAM of another length");
      resetSeen(session);
      streamReset(session, streamId);
      return;
    case Frame.settings:
      settingsRead(session, flags, streamId, payload);
      return;
    case Frame.pushPromise:
      throw protocolError("PUSH_PROMISE from a client");
    case Frame.ping:
      if (streamId !== 0) throw protocolError("PING on a stream");
      if (payload.length !== 8) throw sizeError("PING of another length");
      if ((flags & Flag.ack) === 0) {
        annoyed(session);
        writePing(session, Flag.ack, payload);
      } else if (session.leaving === "soon" && leavePing.equals(payload)) leaveNow(session);
      return;
    case Frame.goAway:
      if (streamId !== 0) throw protocolError("GOAWAY on a stream");
      if (payload.length < 8) throw sizeError("GOAWAY of another length");
      session.leaving = "final";
      if (session.streams.size === 0) endSession(session);
      return;
    case Frame.windowUpdate:
      windowUpdated(session, streamId, payload);
      return;
    default:
      // Unknown types are ignored (RFC 9113 section 5.5).
      annoyed(session);
  }
};

const numberAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! * 2 ** 24 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);

/** A stream's own fault: the connection goes on. */
const streamFault = (session: Session, streamId: number, code: number): void => {
  const stream = session.streams.get(streamId);
  // What is wrong about a stream that there is not yet, or no more, is wrong about the connection.
  if (stream === undefined) throw new ConnectionError(code, "a wrong frame for a stream that is not open");
  resetStream(stream, code);
  visitorEnded(stream.visitor, false);
};

const unpadded = (flags: number, payload: Uint8Array, extra: number): Uint8Array => {
  if ((flags & Flag.padded) === 0) {
    if (payload.length < extra) throw sizeError("a frame too short for its fields");
    return extra === 0 ? payload : payload.subarray(extra);
  }
  if (payload.length < 1 + extra) throw sizeError("a frame too short for its fields");
  const end = payload.length - payload[0]!;
  if (end < 1 + extra) throw protocolError("more padding than payload");
  return payload.subarray(1 + extra, end);
};

const headersRead = (session: Session, flags: number, streamId: number, payload: Uint8Array): void => {
  if (streamId % 2 === 0) throw protocolError("HEADERS with a stream id of the server's");
  const priority = (flags & Flag.priority) !== 0;
  const fragment = unpadded(flags, payload, priority ? 5 : 0);
  const dependencyAt = (flags & Flag.padded) === 0 ? 0 : 1;
  const block = {
    streamId,
    endStream: (flags & Flag.endStream) !== 0,
    dependsOnItself: priority && numberAt(payload, dependencyAt) % 2 ** 31 === streamId,
    parts: [fragment],
    bytes: fragment.length,
  };
  if ((flags & Flag.endHeaders) !== 0) blockRead(session, block, fragment);
  else {
    session.block = block;
    session.blockDeadlineMs = session.edge.clock.nowMs + session.edge.deadlines.headMs;
  }
};

const continuationRead = (session: Session, flags: number, streamId: number, payload: Uint8Array): void => {
  const { block } = session;
  if (block === null || block.streamId !== streamId) throw protocolError("CONTINUATION of nothing");
  block.parts.push(payload);
  block.bytes += payload.length;
  // Decoding may not be given up, and without an end the block would grow for ever (CVE-2024-27316).
  if (block.bytes > maxBlockBytes || block.parts.length > maxContinuations)
    throw new ConnectionError(Code.enhanceYourCalm, "a header block beyond all bounds");
  if ((flags & Flag.endHeaders) === 0) return;
  session.block = null;
  blockRead(session, block, Buffer.concat(block.parts));
};

const settingsRead = (session: Session, flags: number, streamId: number, payload: Uint8Array): void => {
  if (streamId !== 0) throw protocolError("SETTINGS on a stream");
  if ((flags & Flag.ack) !== 0) {
    if (payload.length > 0) throw sizeError("SETTINGS that confirm and set");
    return;
  }
  if (payload.length % 6 !== 0) throw sizeError("SETTINGS of another length");
  annoyed(session);
  let window = session.peerWindow;
  for (let at = 0; at < payload.length; at += 6) {
    const id = (payload[at]! << 8) | payload[at + 1]!;
    const value = numberAt(payload, at + 2);
    checkSetting(session, id, value);
    if (id === Setting.initialWindowSize) window = value;
  }
  // Once per frame, since each change costs every stream, and a frame holds thousands of them.
  if (window !== session.peerWindow) changeWindow(session, window);
  writeSettingsAck(session);
};

const checkSetting = (session: Session, id: number, value: number): void => {
  switch (id) {
    case Setting.headerTableSize:
      session.tableUnsaid = true;
      return;
    case Setting.enablePush:
      if (value > 1) throw protocolError("ENABLE_PUSH is 0 or 1");
      return;
    case Setting.initialWindowSize:
      if (value > maxWindow) throw new ConnectionError(Code.flowControl, "a window above 2^31-1");
      return;
    case Setting.maxFrameSize:
      if (value < maxPayloadBytes || value > 2 ** 24 - 1)
        throw protocolError("MAX_FRAME_SIZE is 2^14 to 2^24-1");
      return;
    default:
  }
};

const changeWindow = (session: Session, value: number): void => {
  const change = value - session.peerWindow;
  session.peerWindow = value;
  for (const stream of session.streams.values()) {
    stream.sendWindow += change;
    if (stream.sendWindow > maxWindow) throw new ConnectionError(Code.flowControl, "a window above 2^31-1");
  }
  if (change > 0) for (const stream of [...session.streams.values()]) wake(stream);
};

const windowUpdated = (session: Session, streamId: number, payload: Uint8Array): void => {
  if (payload.length !== 4) throw sizeError("WINDOW_UPDATE of another length");
  const increment = numberAt(payload, 0) % 2 ** 31;
  if (streamId === 0) {
    if (increment === 0) throw protocolError("WINDOW_UPDATE by nothing");
    session.sendWindow += increment;
    if (session.sendWindow > maxWindow) throw new ConnectionError(Code.flowControl, "a window above 2^31-1");
    serveWindow(session);
    return;
  }
  const stream = session.streams.get(streamId);
  if (stream === undefined) {
    if (streamId > session.lastStreamId && session.leaving !== "final")
      throw protocolError("WINDOW_UPDATE for an idle stream");
    return;
  }
  if (increment === 0) {
    annoyed(session);
    streamFault(session, streamId, Code.protocol);
    return;
  }
  stream.sendWindow += increment;
  if (stream.sendWindow > maxWindow) streamFault(session, streamId, Code.flowControl);
  else wake(stream);
};
