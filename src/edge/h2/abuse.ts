import { createBucket, takeToken } from "../limiter.ts";
import { Code, ConnectionError } from "./protocol.ts";
import type { Session } from "./state.ts";

/** At once, then ten in a second: a browser that leaves a page resets all of its requests. */
const resetsPerMinute = 600;
/** Frames that the edge must answer or throw away. */
const chatterPerMinute = 3_000;

/**
 * A frame that costs more here than there: PING, SETTINGS, PRIORITY, empty DATA, a refused request.
 * @throws ConnectionError when there are too many of them
 */
export const annoyed = (session: Session): void => {
  session.chatter ??= createBucket(chatterPerMinute, session.edge.clock.nowMs);
  if (takeToken(session.chatter, session.edge.clock.nowMs) > 0)
    throw new ConnectionError(Code.enhanceYourCalm, "too many frames of little use");
};

/** Requests made and taken back cost the upstream, too (CVE-2023-44487). */
export const resetSeen = (session: Session): void => {
  session.resets ??= createBucket(resetsPerMinute, session.edge.clock.nowMs);
  if (takeToken(session.resets, session.edge.clock.nowMs) > 0)
    throw new ConnectionError(Code.enhanceYourCalm, "too many resets");
};
