import { makeRoom } from "../capacity.ts";
import { plainAnswer, writeAnswer } from "../own-answer.ts";
import { visitorData, visitorEnded, visitorOpened } from "../visitor.ts";
import { closeVisitor, lingerVisitor } from "../visitor-end.ts";
import { annoyed } from "./abuse.ts";
import { type HeaderField, Kind, valueText } from "./header-field.ts";
import { decodeBlock } from "./hpack-decoder.ts";
import { writeReset } from "./frame-writer.ts";
import { Code, ConnectionError, maxStreams } from "./protocol.ts";
import { writeRequest, writeTrailers } from "./request-text.ts";
import { forgetStream, grant, grantConnection, rememberReset } from "./session-end.ts";
import { resetStream, StreamSocket } from "./stream.ts";
import type { HeaderBlock, Session, Stream } from "./state.ts";

/** A whole header block: the head of a request, or its trailers. */
export const blockRead = (session: Session, block: HeaderBlock, bytes: Uint8Array): void => {
  const { shared, streams } = session;
  const { streamId } = block;
  const { list } = shared;
  if (!decodeBlock(session.decoder, bytes, 0, bytes.length, list))
    throw new ConnectionError(Code.compression, "a header block cannot be read");
  const stream = streams.get(streamId);
  if (stream !== undefined) {
    if (block.dependsOnItself) refuseStream(session, streamId, Code.protocol);
    else trailersRead(stream, block);
    return;
  }
  if (streamId <= session.lastStreamId) {
    if (session.reset.has(streamId)) {
      annoyed(session);
      return;
    }
    throw session.skipped.has(streamId)
      ? new ConnectionError(Code.protocol, "HEADERS for a stream below the last one")
      : new ConnectionError(Code.streamClosed, "HEADERS for a stream that is closed");
  }
  if (session.leaving === "final") return;
  // Streams in between are closed by it (RFC 9113 section 5.1.1).
  for (let id = session.lastStreamId + 2; id < streamId && session.skipped.size < maxStreams; id += 2)
    session.skipped.add(id | 1);
  session.lastStreamId = streamId;
  if (block.dependsOnItself) refuseStream(session, streamId, Code.protocol);
  else if (streams.size >= maxStreams || !makeRoom(session.edge))
    refuseStream(session, streamId, Code.refusedStream);
  else requestRead(session, block);
};

/** Without an answer; the visitor sees at once that it was not served. */
const refuseStream = (session: Session, streamId: number, code: number): void => {
  annoyed(session);
  const stream = session.streams.get(streamId);
  if (stream !== undefined) {
    resetStream(stream, code);
    visitorEnded(stream.visitor, false);
    return;
  }
  rememberReset(session, streamId);
  writeReset(session, streamId, code);
};

const isHeadMethod = (field: HeaderField): boolean =>
  field.kind === Kind.method && valueText(field) === "HEAD";

const requestRead = (session: Session, { streamId, endStream }: HeaderBlock): void => {
  const { edge, shared } = session;
  const { list, text, request } = shared;
  if (!list.tooLarge && !writeRequest(list, !endStream, text, request)) {
    refuseStream(session, streamId, Code.protocol);
    return;
  }
  const { contentLength } = request;
  const isHead = list.tooLarge ? list.fields.some(isHeadMethod) : request.isHead;
  const body = list.tooLarge || endStream ? "done" : contentLength < 0 ? "chunked" : "length";
  const stream = new StreamSocket(
    session,
    streamId,
    isHead,
    endStream ? "done" : body,
    body === "length" ? contentLength : 0,
    session.peerWindow,
  );
  stream.visitor = visitorOpened(edge, stream, session.channel);
  session.streams.set(streamId, stream);
  if (session.leaving === "no") session.deadlineMs = Number.POSITIVE_INFINITY;
  if (list.tooLarge) {
    stream.request = endStream ? "done" : "chunked";
    writeAnswer(edge, stream.visitor, plainAnswer(431), { isHead, keepAlive: false, minor: 1 });
    lingerVisitor(stream.visitor);
    return;
  }
  // A copy, since it is kept while it may be needed again.
  visitorData(stream.visitor, text.bytes.slice(0, text.length));
};

/** Body bytes; `length` with padding is what counts for the windows. */
export const dataRead = (
  session: Session,
  streamId: number,
  bytes: Uint8Array,
  length: number,
  endStream: boolean,
): void => {
  session.receiveWindow -= length;
  if (session.receiveWindow < 0) throw new ConnectionError(Code.flowControl, "more DATA than granted");
  const stream = session.streams.get(streamId);
  if (stream === undefined) {
    grantConnection(session, length);
    if (streamId > session.lastStreamId) {
      if (session.leaving === "final") return;
      throw new ConnectionError(Code.protocol, "DATA for an idle stream");
    }
    if (!session.reset.has(streamId))
      throw new ConnectionError(Code.streamClosed, "DATA for a stream that is closed");
    annoyed(session);
    return;
  }
  if (bytes.length === 0 && !endStream) annoyed(session);
  stream.receiveWindow -= length;
  const wrong =
    stream.request === "done"
      ? Code.streamClosed
      : stream.receiveWindow < 0
        ? Code.flowControl
        : lengthIsWrong(stream, bytes.length, endStream)
          ? Code.protocol
          : Code.none;
  if (wrong !== Code.none) {
    grantConnection(session, length);
    refuseStream(session, streamId, wrong);
    return;
  }
  stream.untaken += length;
  pass(stream, bytes, endStream, null);
};

/** RFC 9113 section 8.1.1: as many bytes as the field said. */
const lengthIsWrong = (stream: Stream, bytes: number, endStream: boolean): boolean => {
  if (stream.request !== "length") return false;
  stream.requestRemaining -= bytes;
  return endStream ? stream.requestRemaining !== 0 : stream.requestRemaining < 0;
};

const trailersRead = (stream: Stream, { streamId, endStream }: HeaderBlock): void => {
  const { session } = stream;
  const { list, text } = session.shared;
  if (stream.request === "done") refuseStream(session, streamId, Code.streamClosed);
  else if (!endStream || list.tooLarge || !writeTrailers(list, text) || lengthIsWrong(stream, 0, true))
    refuseStream(session, streamId, Code.protocol);
  else pass(stream, new Uint8Array(), true, text.bytes.slice(0, text.length));
};

const crlf = Buffer.from("\r\n", "latin1");
const noBytes = new Uint8Array();

/** Gives the visitor's side of the data path what it would read on a connection of HTTP/1.1. */
const pass = (stream: Stream, bytes: Uint8Array, end: boolean, trailers: Uint8Array | null): void => {
  let input = bytes;
  if (stream.request === "chunked") {
    const parts: Uint8Array[] = [];
    if (bytes.length > 0) parts.push(Buffer.from(`${bytes.length.toString(16)}\r\n`, "latin1"), bytes, crlf);
    if (end) parts.push(Buffer.from("0\r\n", "latin1"), trailers ?? noBytes, crlf);
    input = Buffer.concat(parts);
  }
  if (end) stream.request = "done";
  if (input.length > 0) visitorData(stream.visitor, input);
  if (stream.closed) return;
  // Its answer was there before.
  if (end && stream.visitor.phase === "linger") closeVisitor(stream.visitor);
  else if (!stream.paused) grant(stream);
};

/** RST_STREAM of the visitor: what is in flight is cancelled. */
export const streamReset = (session: Session, streamId: number): void => {
  const stream = session.streams.get(streamId);
  if (stream === undefined) {
    if (streamId > session.lastStreamId && session.leaving !== "final")
      throw new ConnectionError(Code.protocol, "RST_STREAM for an idle stream");
    return;
  }
  forgetStream(stream, false);
  visitorEnded(stream.visitor, false);
};
