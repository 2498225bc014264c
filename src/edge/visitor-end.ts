import { discard } from "./byte-socket.ts";
import type { Visitor } from "./state.ts";

/** Closes the connection; with `abort` by a reset, so that a cut answer is not taken for a whole one. */
export const closeVisitor = (visitor: Visitor, abort = false): void => {
  if (visitor.phase === "closed") return;
  visitor.phase = "closed";
  visitor.edge.visitors.delete(visitor);
  visitor.held = null;
  discard(visitor.out);
  if (abort) visitor.out.socket.terminate();
  else visitor.out.socket.end();
};

/**
 * Sends FIN and reads on for a moment without using what comes: closing with unread bytes would reset the
 * connection, and the reset could overtake the answer (RFC 9112 section 9.6).
 */
export const lingerVisitor = (visitor: Visitor): void => {
  if (visitor.phase === "closed") return;
  visitor.phase = "linger";
  visitor.held = null;
  visitor.deadlineMs = visitor.edge.clock.nowMs + visitor.edge.deadlines.lingerMs;
  resumeVisitor(visitor);
  if (visitor.out.pendingBytes === 0) visitor.out.socket.shutdown();
};

export const pauseVisitor = (visitor: Visitor): void => {
  if (visitor.paused) return;
  visitor.paused = true;
  visitor.out.socket.pause();
};

export const resumeVisitor = (visitor: Visitor): void => {
  if (!visitor.paused || visitor.phase === "closed") return;
  visitor.paused = false;
  visitor.out.socket.resume();
};
