import { Cron } from "croner";
import type { Log } from "../domain/log.ts";

export interface Job {
  /** For the log; need not be unique in the process. */
  name: string;
  /** A cron pattern in UTC, with seconds when it has six parts; or every so many seconds, aligned to the clock. */
  when: string | { everySeconds: number };
  /** Ends early when the signal aborts. Never runs beside itself: a run that is due meanwhile is left out. */
  run(signal: AbortSignal): Promise<unknown>;
  /** Also once at the start, for work that a pause may have left behind. */
  atStart?: boolean;
}

export interface Jobs {
  /** Starts nothing more, aborts what runs and waits for it, at most `deadlineMs`. Idempotent. */
  stop(deadlineMs?: number): Promise<void>;
}

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b));

/**
 * The sparsest pattern that comes by at every multiple of so many seconds: cron can say divisors of a minute and
 * of an hour only, so for others it comes by in between too.
 */
export const patternOf = (seconds: number): string => {
  const minutes = commonDivisor(60, seconds / 60);
  if (Number.isInteger(seconds / 60)) return minutes === 60 ? "0 0 * * * *" : `0 */${minutes} * * * *`;
  return `*/${commonDivisor(60, seconds)} * * * * *`;
};

/** Says yes once in each stretch of so many seconds, also when the timer came a little late. */
export const oncePer = (seconds: number, nowMs: () => number): (() => boolean) => {
  const stretch = (): number => Math.floor(nowMs() / 1000 / seconds);
  let last = stretch();
  return () => {
    const present = stretch();
    if (present === last) return false;
    last = present;
    return true;
  };
};

/**
 * Runs jobs by the clock until they are stopped. A job that throws is logged by name and runs again when next due.
 * The timers do not keep the process alive. When the clock jumps, the next run is reckoned anew within 30 s.
 */
export const startJobs = (jobs: readonly Job[], { log }: { log: Log }): Jobs => {
  const stopped = new AbortController();
  const running = new Map<Promise<void>, string>();

  const once = async (job: Job): Promise<void> => {
    try {
      await job.run(stopped.signal);
    } catch (error) {
      if (!stopped.signal.aborted) log.error("job failed", { job: job.name, error });
    }
  };
  const tracked = async (job: Job): Promise<void> => {
    const run = once(job);
    running.set(run, job.name);
    await run.finally(() => running.delete(run));
  };

  // Croner keeps named jobs in one list for the whole process, so they stay nameless there.
  const crons = jobs.map((job) => {
    const { when } = job;
    const isDue = typeof when === "string" ? () => true : oncePer(when.everySeconds, Date.now);
    let isStart = job.atStart ?? false;
    const cron = new Cron(
      typeof when === "string" ? when : patternOf(when.everySeconds),
      { protect: true, unref: true, timezone: "UTC" },
      () => {
        if (!isStart && !isDue()) return;
        isStart = false;
        return tracked(job);
      },
    );
    if (isStart) void cron.trigger();
    return cron;
  });

  const stop = async (deadlineMs: number): Promise<void> => {
    for (const cron of crons) cron.stop();
    stopped.abort();
    let timer: Timer | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        log.warn("jobs did not end in time", { jobs: [...running.values()] });
        resolve();
      }, deadlineMs);
    });
    await Promise.race([Promise.all(running.keys()), deadline]);
    clearTimeout(timer);
  };
  let stopping: Promise<void> | null = null;
  return { stop: (deadlineMs = 10_000) => (stopping ??= stop(deadlineMs)) };
};
