import { closeSync, openSync, readSync } from "node:fs";

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

/** Monotonic times in ms. */
export interface LoopClock {
  now: () => number;
  /** How long the process was ready to run, but the machine was busy with others, in all. */
  queuedMs: () => number;
  close: () => void;
}

/** The second figure of `/proc/self/schedstat`, which is of the main thread; 0 where the kernel does not count it. */
export const openLoopClock = (): LoopClock => {
  let file: number | null = null;
  try {
    file = openSync("/proc/self/schedstat", "r");
  } catch {
    // Then waiting for the machine counts as being held up.
  }
  const text = Buffer.alloc(80);
  return {
    now: () => performance.now(),
    queuedMs() {
      if (file === null) return 0;
      const length = readSync(file, text, 0, text.length, 0);
      return Number(text.toString("latin1", 0, length).split(" ")[1]) / 1e6;
    },
    close() {
      if (file !== null) closeSync(file);
      file = null;
    },
  };
};

const stepMs = 2;
const watchMs = 60_000;

/**
 * Looks again and again whether a short timer comes in time. What it is late because other programs had the processor
 * does not count: the edge could do nothing about it.
 */
export const createLoopWatch = (open: () => LoopClock = openLoopClock): LoopWatch => {
  let clock: LoopClock | null = null;
  let timer: Timer | null = null;
  let seenAtMs = 0;
  let queuedMs = 0;
  let readAtMs = 0;
  let longestMs = 0;
  const stop = (): void => {
    if (timer !== null) clearInterval(timer);
    timer = null;
    clock?.close();
    clock = null;
  };
  const look = (its: LoopClock): void => {
    const nowMs = its.now();
    const queuedNowMs = its.queuedMs();
    longestMs = Math.max(longestMs, nowMs - seenAtMs - stepMs - (queuedNowMs - queuedMs));
    seenAtMs = nowMs;
    queuedMs = queuedNowMs;
    if (nowMs - readAtMs > watchMs) stop();
  };
  return {
    read() {
      if (clock === null) {
        const opened = open();
        clock = opened;
        readAtMs = seenAtMs = opened.now();
        queuedMs = opened.queuedMs();
        timer = setInterval(() => look(opened), stepMs);
        longestMs = 0;
        return { longestMs: 0, watchedMs: 0 };
      }
      const watchedFromMs = readAtMs;
      readAtMs = clock.now();
      look(clock);
      const delay = { longestMs, watchedMs: readAtMs - watchedFromMs };
      longestMs = 0;
      return delay;
    },
    stop,
  };
};
