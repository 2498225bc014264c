/** How long the process was held up by one thing, so that everybody else had to wait. */
export interface LoopDelay {
  /** The longest time since the last reading, in ms; 0 in the first one. */
  longestMs: number;
  /** How long it was watched for it. */
  watchedMs: number;
}

export interface LoopWatch {
  /** Watches from the first reading on, and for a minute after each: an edge that nobody asks has no timer for it. */
  read(): LoopDelay;
  stop(): void;
}

const stepMs = 2;
const watchMs = 60_000;

/** Looks again and again whether a short timer comes in time. @param now monotonic, in ms */
export const createLoopWatch = (now: () => number): LoopWatch => {
  let timer: Timer | null = null;
  let seenAtMs = 0;
  let readAtMs = 0;
  let longestMs = 0;
  const stop = (): void => {
    if (timer !== null) clearInterval(timer);
    timer = null;
  };
  const look = (): void => {
    const nowMs = now();
    longestMs = Math.max(longestMs, nowMs - seenAtMs - stepMs);
    seenAtMs = nowMs;
    if (nowMs - readAtMs > watchMs) stop();
  };
  return {
    read() {
      const nowMs = now();
      if (timer === null) {
        timer = setInterval(look, stepMs);
        longestMs = 0;
        readAtMs = nowMs;
      } else look();
      const delay = { longestMs, watchedMs: nowMs - readAtMs };
      seenAtMs = nowMs;
      readAtMs = nowMs;
      longestMs = 0;
      return delay;
    },
    stop,
  };
};
