import type { JobRecord } from "../domain/job.ts";
import type { RunsDeps } from "./deps.ts";
import type { JobRunner } from "./job-runner.ts";

/** A change of the clock, or a job's new time, is seen this late at most. */
const longestPauseMs = 10_000;
/** Clocks that are put right by seconds are no reason to reckon anew. */
const clockToleranceMs = 3600_000;

const words = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/**
 * Starts jobs when their time comes. The next time of each lies in its row, so that a time that went by while nobody
 * was there is known as missed, and none is taken twice.
 */
export const createScheduler = (deps: RunsDeps, runner: JobRunner) => {
  const { store, clock, log, settings } = deps;
  let wake: () => void = () => {};

  const take = async (job: JobRecord, dueAt: number): Promise<void> => {
    const nowMs = clock.nowMs();
    const next = deps.nextTime(job.schedule, job.timeZone, nowMs);
    if (!(await store.moveJob(job.id, dueAt, next))) return;
    const missed = nowMs - dueAt > settings.missedAfterMs;
    if (missed && job.missed === "skip") {
      const reason = `Croft was not running at its time, ${words(dueAt)}; it runs next at its usual time`;
      await runner.skip(job, dueAt, reason);
    } else await runner.begin(job, dueAt, "schedule");
  };

  /** A clock that ran ahead and was put back would leave times far in the future. */
  const reckonAnew = async (job: JobRecord, dueAt: number): Promise<void> => {
    const next = deps.nextTime(job.schedule, job.timeZone, clock.nowMs());
    if (next !== null && next < dueAt - clockToleranceMs) await store.moveJob(job.id, dueAt, next);
  };

  /** @returns when the next job is due, in UTC milliseconds; null when none is */
  const tick = async (): Promise<number | null> => {
    const nowMs = clock.nowMs();
    let soonest: number | null = null;
    for (const job of await store.waitingJobs(Number.MAX_SAFE_INTEGER)) {
      const dueAt = job.nextRunAt!;
      try {
        if (dueAt <= nowMs) await take(job, dueAt);
        else {
          soonest ??= dueAt;
          await reckonAnew(job, dueAt);
        }
      } catch (error) {
        log.error("a job's time could not be taken; it is tried again", { job: job.id, error });
      }
    }
    await runner.pump();
    return soonest;
  };

  const pause = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end, { once: true });
      wake = end;
    });

  return {
    tick,
    /** Jobs or their times have changed. */
    kick: () => wake(),
    /** Until the signal. */
    async run(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        let soonest: number | null = null;
        try {
          soonest = await tick();
        } catch (error) {
          log.error("jobs could not be looked at; they are tried again", { error });
        }
        if (signal.aborted) return;
        await pause(Math.max(20, Math.min(longestPauseMs, (soonest ?? Infinity) - clock.nowMs())), signal);
      }
    },
  };
};

export type Scheduler = ReturnType<typeof createScheduler>;
