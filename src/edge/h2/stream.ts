import { createChunkedBody, decodeChunked } from "../chunked-body.ts";
import type { ChunkedBody } from "../chunked-body.ts";
import { copyRange, type HeadWriter } from "../head-writer.ts";
import type { Visitor } from "../state.ts";
import { closeVisitor } from "../visitor-end.ts";
import { type AnswerHead, encodeAnswer, encodeTrailers } from "./answer-head.ts";
import { isBlocked, putFrameHead, reserve, writeEnd, writeReset } from "./frame-writer.ts";
import { Code, Flag, Frame, frameHeadBytes, dataBytes, maxPayloadBytes, streamWindow } from "./protocol.ts";
import { forgetStream, grant } from "./session-end.ts";
import type { Session, Stream } from "./state.ts";

const lingerMs = 300;
/** Heads up to this length are encoded in place. */
const shortHeadBytes = 12 * 1024;
const answerHead: AnswerHead = { status: 0, contentLength: -1, chunked: false };

/**
 * One request and its answer as a connection of its own: the data path writes the answer as HTTP/1.1, and it
 * leaves as frames. A class, since there is one per request and closures would cost a tenth of it.
 */
export class StreamSocket implements Stream {
  readonly http2 = true;
  visitor: Visitor = null as never;
  receiveWindow = streamWindow;
  untaken = 0;
  ungranted = 0;
  paused = false;
  answer: Stream["answer"] = "head";
  answerRemaining = 0;
  chunks: ChunkedBody | null = null;
  closed = false;

  constructor(
    readonly session: Session,
    readonly id: number,
    readonly isHead: boolean,
    public request: Stream["request"],
    public requestRemaining: number,
    public sendWindow: number,
  ) {}

  get remoteAddress(): string {
    return this.session.address;
  }

  write(data: Uint8Array, offset = 0, length = data.length - offset): number {
    if (this.closed) return -1;
    const end = offset + length;
    let at = offset;
    while (at < end) {
      const after = this.answer === "head" ? sendHead(this, data, at, end) : sendBody(this, data, at, end);
      if (after === at) break;
      at = after;
      if (this.closed) return length;
    }
    return at - offset;
  }

  shutdown(): void {
    if (this.answer === "close") {
      writeEnd(this.session, this.id);
      this.answer = "done";
    }
    if (this.answer !== "done" || this.request === "done") closeVisitor(this.visitor);
    // What is left of the request is read without being used, and only then refused: some clients lose an answer
    // that a reset follows at once (curl 7.88).
    else this.visitor.deadlineMs = this.session.edge.clock.nowMs + lingerMs;
  }

  end(): void {
    if (this.closed) return;
    const cut = this.answer === "head" || this.answer === "length" || this.answer === "chunked";
    if (cut) this.terminate();
    else {
      if (this.answer !== "done") writeEnd(this.session, this.id);
      finish(this);
    }
  }

  terminate(): void {
    if (!this.closed) resetStream(this, Code.internal);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    grant(this);
  }

  setKeepAlive(): boolean {
    return true;
  }
}

/** The answer is whole. What the visitor still sends of its request is not wanted. */
const finish = (stream: Stream): void => {
  stream.answer = "done";
  if (stream.request === "done") forgetStream(stream, false);
  else resetStream(stream, Code.none);
};

/** Ends a stream on which something is open. */
export const resetStream = (stream: Stream, code: number): void => {
  if (stream.closed) return;
  writeReset(stream.session, stream.id, code);
  forgetStream(stream, true);
};

/** @returns the position after the head; `from` when the connection takes nothing now */
const sendHead = (stream: Stream, data: Uint8Array, from: number, end: number): number => {
  const { session, id } = stream;
  if (isBlocked(session)) {
    session.waiting.add(stream);
    return from;
  }
  const short = end - from <= shortHeadBytes;
  const out = short
    ? reserve(session, frameHeadBytes + Math.ceil(((end - from) * 9) / 8) + 64)
    : session.shared.text;
  const start = short ? out.length : 0;
  out.length = short ? start + frameHeadBytes : 0;
  const block = out.length;
  if (session.tableUnsaid) {
    session.tableUnsaid = false;
    out.bytes[out.length++] = 0x20;
  }
  const after = encodeAnswer(data, from, end, out, answerHead);
  if (after < 0) {
    // The data path writes whole heads.
    if (short) out.length = start;
    resetStream(stream, Code.internal);
    return end;
  }
  const { status, contentLength, chunked } = answerHead;
  let flags = 0;
  if (status >= 200) {
    const empty = stream.isHead || status === 204 || status === 304 || contentLength === 0;
    stream.answer = empty ? "done" : chunked ? "chunked" : contentLength > 0 ? "length" : "close";
    stream.answerRemaining = contentLength;
    if (chunked) stream.chunks = createChunkedBody();
    if (empty) flags = Flag.endStream;
  }
  if (short) putFrameHead(out, start, out.length - block, Frame.headers, flags | Flag.endHeaders, id);
  else writeBlock(session, id, out, flags);
  return after;
};

/** A header block in as many frames as it needs. */
const writeBlock = (session: Session, id: number, block: HeadWriter, flags: number): void => {
  const { bytes, length } = block;
  for (let at = 0; at === 0 || at < length; at += maxPayloadBytes) {
    const size = Math.min(maxPayloadBytes, length - at);
    const last = at + size === length ? Flag.endHeaders : 0;
    const out = reserve(session, frameHeadBytes + size);
    const [type, first] = at === 0 ? [Frame.headers, flags] : [Frame.continuation, 0];
    putFrameHead(out, out.length, size, type, first | last, id);
    out.length += frameHeadBytes;
    copyRange(out, bytes, at, at + size);
  }
};

/** @returns the position up to which bytes were taken: as many as both windows and the connection allow */
const sendBody = (stream: Stream, data: Uint8Array, from: number, end: number): number => {
  const { session } = stream;
  // Behind a whole answer nothing follows.
  if (stream.answer === "done") return end;
  const window = Math.min(stream.sendWindow, session.sendWindow, dataBytes);
  if (isBlocked(session)) {
    session.waiting.add(stream);
    return from;
  }
  if (stream.answer === "chunked") return sendChunked(stream, data, from, end, window);
  if (window <= 0) return starve(stream, from);
  const left = stream.answer === "length" ? stream.answerRemaining : Number.POSITIVE_INFINITY;
  const size = Math.min(window, end - from, left);
  const out = reserve(session, frameHeadBytes + size);
  const last = size === left;
  putFrameHead(out, out.length, size, Frame.data, last ? Flag.endStream : 0, stream.id);
  out.length += frameHeadBytes;
  copyRange(out, data, from, from + size);
  stream.sendWindow -= size;
  session.sendWindow -= size;
  stream.answerRemaining -= size;
  if (last) stream.answer = "done";
  return from + size;
};

/** Waits for the connection's window; the stream's own comes with an update that names it. */
const starve = (stream: Stream, at: number): number => {
  if (stream.sendWindow > 0) stream.session.waiting.add(stream);
  return at;
};

const sendChunked = (stream: Stream, data: Uint8Array, from: number, end: number, window: number): number => {
  const { session, id } = stream;
  const chunks = stream.chunks!;
  if (window <= 0 && chunks.state === "data") return starve(stream, from);
  // Without a window the framing is still read, byte by byte: what follows may be the end.
  const to = Math.min(end, from + Math.max(1, window));
  const out = reserve(session, 2 * frameHeadBytes + (to - from));
  const start = out.length;
  out.length += frameHeadBytes;
  const after = decodeChunked(chunks, data, from, to, out);
  if (after < 0) {
    out.length = start;
    resetStream(stream, Code.internal);
    return end;
  }
  const size = out.length - start - frameHeadBytes;
  stream.sendWindow -= size;
  session.sendWindow -= size;
  const trailers = chunks.done && chunks.trailers.length > 0;
  if (size === 0 && (!chunks.done || trailers)) out.length = start;
  else putFrameHead(out, start, size, Frame.data, chunks.done && !trailers ? Flag.endStream : 0, id);
  if (chunks.done) {
    stream.answer = "done";
    if (trailers) sendTrailers(stream, Uint8Array.from(chunks.trailers));
  }
  return after;
};

const sendTrailers = ({ session, id }: Stream, lines: Uint8Array): void => {
  const block = session.shared.text;
  block.length = 0;
  encodeTrailers(lines, block);
  writeBlock(session, id, block, Flag.endStream);
};
