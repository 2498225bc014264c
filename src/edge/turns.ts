import { slowAnswer } from "./slow-down.ts";
import type { Edge, UpstreamConnection } from "./state.ts";

/**
 * Large answers take turns. One read of a connection is up to half a mebibyte, and one turn of the event loop reads
 * every connection that has something: hundreds of downloads that begin at once would hold up everybody for a fifth
 * of a second. Once a turn has passed on its share, who was read waits for one of the next turns.
 */
export interface Turns {
  /** Of large answers, since the loop last came round. */
  bytes: number;
  /** An answer's next bytes wait here, the longest waiting first. */
  readonly waiting: Set<UpstreamConnection>;
  /** What begins the next turn is on its way. */
  begun: boolean;
  /** Who was read last: whoever is alone need not wait for others. */
  last: UpstreamConnection | null;
}

export const createTurns = (): Turns => ({ bytes: 0, waiting: new Set(), begun: false, last: null });

/** Some milliseconds of work. */
const turnBytes = 1024 * 1024;
/** Below this a read costs little, and counts for nothing. */
const largeBytes = 32 * 1024;
/** Each reads half a mebibyte at most. */
const mostAtOnce = turnBytes / (512 * 1024);

/** Notes bytes that were passed on, and lets their connection wait when this turn has had its share. */
export const takeTurn = (edge: Edge, upstream: UpstreamConnection, bytes: number): void => {
  if (bytes < largeBytes) return;
  const { turns } = edge;
  if (turns.last === upstream) return;
  turns.last = upstream;
  turns.bytes += bytes;
  if (!turns.begun) {
    turns.begun = true;
    setImmediate(nextTurn, turns);
  }
  if (turns.bytes <= turnBytes || upstream.paused || upstream.phase !== "body") return;
  upstream.paused = true;
  upstream.out.socket.pause();
  turns.waiting.add(upstream);
};

const nextTurn = (turns: Turns): void => {
  turns.bytes = 0;
  turns.begun = false;
  let left = mostAtOnce;
  for (const upstream of turns.waiting) {
    if (left === 0) break;
    turns.waiting.delete(upstream);
    const { exchange } = upstream;
    // Gone, or resumed by its visitor and paused for another reason since.
    if (!upstream.paused || upstream.phase !== "body" || exchange === null) continue;
    if (exchange.visitor.out.pendingBytes > 0 || slowAnswer(exchange, upstream)) continue;
    upstream.paused = false;
    upstream.out.socket.resume();
    left--;
  }
  if (turns.waiting.size === 0 || turns.begun) return;
  turns.begun = true;
  setImmediate(nextTurn, turns);
};
