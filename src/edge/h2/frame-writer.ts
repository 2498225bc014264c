import { sendCopied } from "../byte-socket.ts";
import type { HeadWriter } from "../head-writer.ts";
import { Code, Flag, Frame, frameHeadBytes, maxPayloadBytes } from "./protocol.ts";
import type { Session, Shared } from "./state.ts";

/** What goes out on a session: frames are put together until all events at hand are dealt with. */

/** Four frames of data; what is written at once. */
const bufferBytes = 4 * maxPayloadBytes;
const mostSpare = 64;

/** Puts what was gathered on its way. */
export const writeOut = (session: Session): void => {
  const { buffer, shared } = session;
  if (buffer === null) return;
  session.buffer = null;
  if (session.phase !== "closed") sendCopied(session.out, buffer.bytes, 0, buffer.length, session.edge.clock);
  if (shared.spare.length < mostSpare) shared.spare.push(buffer);
};

/** Nothing more is taken from streams before the connection has room again. */
export const isBlocked = (session: Session): boolean => session.out.pendingBytes > 0;

/** @returns a buffer with room for `bytes`, to be written soon */
export const reserve = (session: Session, bytes: number): HeadWriter => {
  if (session.buffer !== null) {
    if (session.buffer.bytes.length - session.buffer.length >= bytes) return session.buffer;
    writeOut(session);
  }
  const buffer = session.shared.spare.pop() ?? { bytes: new Uint8Array(bufferBytes), length: 0 };
  buffer.length = 0;
  session.buffer = buffer;
  schedule(session);
  return buffer;
};

const schedule = (session: Session): void => {
  const { shared } = session;
  shared.unwritten.push(session);
  if (shared.writeDue) return;
  shared.writeDue = true;
  setImmediate(writeAll, shared);
};

const writeAll = (shared: Shared): void => {
  shared.writeDue = false;
  const sessions = shared.unwritten.splice(0);
  for (const session of sessions)
    try {
      writeOut(session);
    } catch (error) {
      shared.faulted(session, error);
    }
};

export const putFrameHead = (
  out: HeadWriter,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void => {
  const { bytes } = out;
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes[at + 5] = streamId >>> 24;
  bytes[at + 6] = streamId >>> 16;
  bytes[at + 7] = streamId >>> 8;
  bytes[at + 8] = streamId;
};

const beginFrame = (
  session: Session,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): HeadWriter => {
  const out = reserve(session, frameHeadBytes + length);
  putFrameHead(out, out.length, length, type, flags, streamId);
  out.length += frameHeadBytes;
  return out;
};

const putNumber = (out: HeadWriter, value: number): void => {
  const { bytes } = out;
  bytes[out.length++] = value >>> 24;
  bytes[out.length++] = value >>> 16;
  bytes[out.length++] = value >>> 8;
  bytes[out.length++] = value;
};

export const writeSettings = (session: Session, settings: readonly (readonly [number, number])[]): void => {
  const out = beginFrame(session, settings.length * 6, Frame.settings, 0, 0);
  for (const [id, value] of settings) {
    out.bytes[out.length++] = id >>> 8;
    out.bytes[out.length++] = id;
    putNumber(out, value);
  }
};

export const writeSettingsAck = (session: Session): void =>
  void beginFrame(session, 0, Frame.settings, Flag.ack, 0);

/** @param opaque eight bytes */
export const writePing = (session: Session, flags: number, opaque: Uint8Array): void => {
  const out = beginFrame(session, 8, Frame.ping, flags, 0);
  out.bytes.set(opaque, out.length);
  out.length += 8;
};

export const writeWindowUpdate = (session: Session, streamId: number, increment: number): void =>
  putNumber(beginFrame(session, 4, Frame.windowUpdate, 0, streamId), increment);

export const writeReset = (session: Session, streamId: number, code: number): void =>
  putNumber(beginFrame(session, 4, Frame.reset, 0, streamId), code);

export const writeGoAway = (session: Session, lastStreamId: number, code: number = Code.none): void => {
  const out = beginFrame(session, 8, Frame.goAway, 0, 0);
  putNumber(out, lastStreamId);
  putNumber(out, code);
};

/** The end of an answer without further bytes. */
export const writeEnd = (session: Session, streamId: number): void =>
  void beginFrame(session, 0, Frame.data, Flag.endStream, streamId);
