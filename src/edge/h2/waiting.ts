import { visitorDrained } from "../visitor.ts";
import { isBlocked } from "./frame-writer.ts";
import type { Session, Stream } from "./state.ts";

/** A stream may send again: goes on with what it kept, if it did. */
export const wake = ({ visitor }: Stream): void => {
  if (visitor.out.pendingBytes > 0) visitorDrained(visitor);
};

/** The connection takes bytes again: streams go on in the order in which they began to wait. */
export const serveWaiting = (session: Session): void => {
  const { waiting } = session;
  for (let turns = waiting.size; turns > 0 && !isBlocked(session); turns--) {
    const [stream] = waiting;
    if (stream === undefined) return;
    waiting.delete(stream);
    wake(stream);
  }
};
