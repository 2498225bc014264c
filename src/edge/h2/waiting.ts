import { visitorDrained } from "../visitor.ts";
import { isBlocked } from "./frame-writer.ts";
import type { Session, Stream } from "./state.ts";

/** A stream may send again: goes on with what it kept, if it did. */
export const wake = ({ visitor }: Stream): void => {
  if (visitor.out.pendingBytes > 0) visitorDrained(visitor);
};

/** The connection takes bytes again: streams go on in the order in which they began to wait. */
export const serveWaiting = (session: Session): void => serve(session, false);

/** The connection's window has grown: as many go on as it lasts for, not all for the sake of one byte. */
export const serveWindow = (session: Session): void => serve(session, true);

const serve = (session: Session, byWindow: boolean): void => {
  const { waiting } = session;
  for (let turns = waiting.size; turns > 0 && !isBlocked(session); turns--) {
    if (byWindow && session.sendWindow <= 0) return;
    const [stream] = waiting;
    if (stream === undefined) return;
    waiting.delete(stream);
    wake(stream);
  }
};
