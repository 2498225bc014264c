import { readFileSync } from "node:fs";
import { closeSession } from "./h2/session-end.ts";
import type { Edge } from "./state.ts";
import { closeVisitor } from "./visitor-end.ts";

/** What limits how much the edge takes on. */
export interface Capacity {
  /** Visitors at once. */
  readonly visitors: number;
  /** Descriptors for visitors, connections to upstreams, and files being served. */
  readonly descriptors: number;
}

const mostVisitors = 20_000;
const mostHandshakes = 1_024;
/** For listeners, the control socket and the logs. */
const reservedDescriptors = 128;

/** What fits into the descriptors that the process may open, beside handshakes and connections that are closing. */
export const capacityOf = (limits = readFileSync("/proc/self/limits", "utf8")): Capacity => {
  const soft = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  const passing = 2 * Math.min(mostHandshakes, Math.floor(soft / 8));
  const descriptors = Math.max(32, soft - reservedDescriptors - passing);
  return { visitors: Math.min(mostVisitors, descriptors), descriptors };
};

/** At once, of as many visitors. */
export const handshakesFor = ({ visitors }: Capacity): number =>
  Math.max(16, Math.min(mostHandshakes, Math.floor(visitors / 8)));

const looksAtMost = 1_000;

/**
 * Room for one visitor more: at capacity the longest connected one without a request in flight goes, so that
 * whoever holds many connections open does not keep others out. @returns false when all are busy
 */
export const makeRoom = (edge: Edge): boolean =>
  (connected(edge) < edge.capacity.visitors && hasDescriptor(edge)) || closeIdle(edge);

/** The same for a connection to an upstream, or a file: visitors who wait for nothing make way. */
export const makeWay = (edge: Edge): boolean => hasDescriptor(edge) || closeIdle(edge);

const connected = ({ visitors, sessions }: Edge): number => visitors.size + sessions.size;

const hasDescriptor = (edge: Edge): boolean => connected(edge) + edge.outgoing < edge.capacity.descriptors;

const closeIdle = (edge: Edge): boolean => {
  const visitor = findIdle(edge.visitors, ({ exchange }) => exchange === null);
  if (visitor !== null) {
    closeVisitor(visitor);
    return true;
  }
  const session = findIdle(edge.sessions, ({ streams }) => streams.size === 0);
  if (session !== null) closeSession(session);
  return session !== null;
};

/** Where the last look ended: who is busy is looked at again after all others, and does not hide them. */
const hands = new WeakMap<Set<unknown>, Iterator<unknown>>();

/** The longest connected one comes first. */
const findIdle = <T>(all: Set<T>, isIdle: (one: T) => boolean): T | null => {
  for (let left = Math.min(looksAtMost, all.size); left > 0; left--) {
    let next = hands.get(all)?.next() as IteratorResult<T> | undefined;
    if (next === undefined || next.done === true) {
      const hand = all.values();
      hands.set(all, hand);
      next = hand.next();
    }
    if (next.done !== true && isIdle(next.value)) return next.value;
  }
  return null;
};
