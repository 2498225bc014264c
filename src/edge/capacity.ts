import { readFileSync } from "node:fs";
import { closeSession } from "./h2/session-end.ts";
import type { Edge } from "./state.ts";
import { closeVisitor } from "./visitor-end.ts";

const mostVisitors = 20_000;
/** For listeners, the control socket, the log, files being served, and connections that are closing. */
const reservedDescriptors = 128;

/** How many visitors fit, with an upstream connection each, into the descriptors that the process may open. */
export const visitorCapacity = (limits = readFileSync("/proc/self/limits", "utf8")): number => {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  if (soft === undefined) return mostVisitors;
  return Math.max(16, Math.min(mostVisitors, Math.floor((Number(soft) - reservedDescriptors) / 2)));
};

const looksAtMost = 1_000;

/**
 * Room for one visitor more: at capacity the longest connected one without a request in flight goes, so that
 * whoever holds many connections open does not keep others out. @returns false when all are busy
 */
export const makeRoom = (edge: Edge): boolean => {
  if (edge.visitors.size + edge.sessions.size < edge.capacity) return true;
  let looked = 0;
  for (const visitor of edge.visitors) {
    if (visitor.exchange === null) {
      closeVisitor(visitor);
      return true;
    }
    if (++looked >= looksAtMost) return false;
  }
  for (const session of edge.sessions) {
    if (session.streams.size === 0) {
      closeSession(session);
      return true;
    }
    if (++looked >= looksAtMost) return false;
  }
  return false;
};
