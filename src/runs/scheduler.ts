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

  let aheadMs: number | null = null;
  /** Whether it is not known that the clock stood still or went on since the last look. */
  const clockWentBack = (): boolean => {
    const present = clock.nowMs() - clock.monotonicMs();
    const wentBack = aheadMs === null || present < aheadMs - clockToleranceMs;
    aheadMs = present;
    return wentBack;
  };

  /** @returns when to look again, in UTC milliseconds; null when no job waits for a time */
  const tick = async (): Promise<number | null> => {
    const nowMs = clock.nowMs();
    const jobs = await store.waitingJobs(clockWentBack() ? Number.MAX_SAFE_INTEGER : nowMs + 1);
    let failed = false;
    for (const job of jobs) {
      const dueAt = job.nextRunAt!;
      try {
        await (dueAt <= nowMs ? take(job, dueAt) : reckonAnew(job, dueAt));
      } catch (error) {
        failed = true;
        log.error("a job's time could not be taken; it is tried again", { job: job.id, error });
      }
    }
    await runner.pump();
    // What cannot be taken must not be tried over and over.
    return failed ? nowMs + longestPauseMs : store.soonestJobAt();
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
