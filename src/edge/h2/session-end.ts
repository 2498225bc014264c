import { visitorEnded } from "../visitor.ts";
import { discard } from "../byte-socket.ts";
import { writeGoAway, writeOut, writePing, writeWindowUpdate } from "./frame-writer.ts";
import { Code, connectionWindow, maxWindow, streamWindow } from "./protocol.ts";
import type { Session, Stream } from "./state.ts";

const mostReset = 256;

/** Takes a stream out of its session; its visitor is told by whoever ended it. */
export const forgetStream = (stream: Stream, byReset: boolean): void => {
  const { session, id } = stream;
  stream.closed = true;
  session.streams.delete(id);
  session.waiting.delete(stream);
  grantConnection(session, stream.untaken);
  stream.untaken = 0;
  if (byReset) rememberReset(session, id);
  if (session.streams.size > 0) return;
  if (session.leaving === "no")
    session.deadlineMs = session.edge.clock.nowMs + session.edge.deadlines.keepAliveMs;
  if (session.leaving === "final") endSession(session);
};

/** Frames for a stream that was reset may still be on their way: they are no fault. */
export const rememberReset = (session: Session, id: number): void => {
  session.reset.add(id);
  if (session.reset.size <= mostReset) return;
  const [oldest] = session.reset;
  session.reset.delete(oldest!);
};

/** What was received is taken: the visitor may send as much again. Told when it is worth a frame. */
export const grant = (stream: Stream): void => {
  const { session } = stream;
  const { untaken } = stream;
  stream.untaken = 0;
  stream.ungranted += untaken;
  grantConnection(session, untaken);
  if (stream.closed || stream.request === "done" || stream.answer === "done") return;
  if (stream.ungranted < streamWindow / 2) return;
  stream.receiveWindow += stream.ungranted;
  writeWindowUpdate(session, stream.id, stream.ungranted);
  stream.ungranted = 0;
};

/** Apart from the streams' windows, since many streams below their own thresholds could exhaust it. */
export const grantConnection = (session: Session, bytes: number): void => {
  session.ungranted += bytes;
  if (session.ungranted < connectionWindow / 4 || session.phase === "closed" || session.phase === "over")
    return;
  session.receiveWindow += session.ungranted;
  writeWindowUpdate(session, 0, session.ungranted);
  session.ungranted = 0;
};

/** Tells the visitor why, and ends the session; what is in flight on it is cancelled. */
export const failSession = (session: Session, code: number): void => {
  if (session.phase === "over" || session.phase === "closed") return;
  abandonStreams(session);
  writeGoAway(session, session.lastStreamId, code);
  endSession(session);
};

/** Sends what is gathered, then FIN; reads on for a moment, so that a reset does not overtake it. */
export const endSession = (session: Session): void => {
  if (session.phase === "over" || session.phase === "closed") return;
  writeOut(session);
  session.phase = "over";
  session.block = null;
  session.parts.length = 0;
  session.deadlineMs = session.edge.clock.nowMs + session.edge.deadlines.lingerMs;
  if (session.out.pendingBytes === 0) session.out.socket.shutdown();
};

/** The connection is gone, or goes now. */
export const closeSession = (session: Session, abort = false): void => {
  if (session.phase === "closed") return;
  abandonStreams(session);
  session.phase = "closed";
  session.edge.sessions.delete(session);
  session.parts.length = 0;
  session.block = null;
  discard(session.out);
  if (abort) session.out.socket.terminate();
  else session.out.socket.end();
};

const abandonStreams = (session: Session): void => {
  for (const stream of [...session.streams.values()]) {
    forgetStreamQuietly(stream);
    visitorEnded(stream.visitor, false);
  }
};

/** Without word to a connection that ends anyway. */
const forgetStreamQuietly = (stream: Stream): void => {
  stream.closed = true;
  stream.session.streams.delete(stream.id);
  stream.session.waiting.delete(stream);
};

/** Tells the answer to the edge's own PING from others. */
export const leavePing = Buffer.from("leaving!", "latin1");

/**
 * Asks the visitor to go elsewhere: what it has sent by now is still served (RFC 9113 section 6.8), so nothing
 * that is on its way is lost. The second word follows when its answer to a PING shows that it knows.
 */
export const leaveSoon = (session: Session): void => {
  if (session.leaving !== "no" || session.phase === "over" || session.phase === "closed") return;
  session.leaving = "soon";
  session.deadlineMs = Math.min(
    session.deadlineMs,
    session.edge.clock.nowMs + session.edge.deadlines.leaveMs,
  );
  writeGoAway(session, maxWindow, Code.none);
  writePing(session, 0, leavePing);
};

export const leaveNow = (session: Session): void => {
  if (session.leaving === "final" || session.phase === "over" || session.phase === "closed") return;
  session.leaving = "final";
  writeGoAway(session, session.lastStreamId, Code.none);
  if (session.streams.size === 0) endSession(session);
};
