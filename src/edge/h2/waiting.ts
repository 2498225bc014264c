import { visitorDrained } from "../visitor.ts";
import { isBlocked } from "./frame-writer.ts";
import type { Session } from "./state.ts";

/** The connection takes bytes again: streams go on in the order in which they began to wait. */
export const serveWaiting = (session: Session): void => {
  const { waiting } = session;
  for (let turns = waiting.size; turns > 0 && !isBlocked(session); turns--) {
    const [stream] = waiting;
    if (stream === undefined) return;
    waiting.delete(stream);
    visitorDrained(stream.visitor);
  }
};
