import type { Clock } from "../domain/clock.ts";
import { type BucketResolution, bucketStart, dayMs } from "../domain/time-bucket.ts";
import type { SampleFiles, UsageRollups } from "./deps.ts";

/** How long usage is kept; monthly sums stay for ever. */
export interface UsageRetention {
  rawDays: number;
  hourlyDays: number;
  dailyDays: number;
}

export const defaultRetention: UsageRetention = { rawDays: 30, hourlyDays: 180, dailyDays: 400 };

/** So few rows at once that nobody waits for the write lock. */
const rowsPerStep = 500;

/**
 * Removes what is past its time and rolled up: raw samples by unlinking files of whole months, rollups in small
 * steps that let others in between.
 */
export const pruneUsage = async (
  deps: {
    files: Pick<SampleFiles, "removeMonthsBefore">;
    rollups: Pick<UsageRollups, "rolledUntil" | "deleteBefore">;
    clock: Clock;
  },
  signal: AbortSignal,
  retention: UsageRetention = defaultRetention,
): Promise<{ files: string[]; hourly: number; daily: number }> => {
  const nowMs = deps.clock.nowMs();
  // Never past what is rolled up, and by whole coarser buckets: those could still be computed anew.
  const cutoff = async (days: number, into: BucketResolution): Promise<number> =>
    bucketStart(
      into === "hour" ? "day" : into,
      Math.min(nowMs - days * dayMs, (await deps.rollups.rolledUntil(into)) ?? 0),
    );
  const prune = async (resolution: "hour" | "day", beforeMs: number): Promise<number> => {
    let deleted = 0;
    for (let last = rowsPerStep; last === rowsPerStep && !signal.aborted; deleted += last) {
      last = await deps.rollups.deleteBefore(resolution, beforeMs, rowsPerStep);
      await Bun.sleep(5);
    }
    return deleted;
  };
  return {
    files: deps.files.removeMonthsBefore(await cutoff(retention.rawDays, "hour")),
    hourly: await prune("hour", await cutoff(retention.hourlyDays, "day")),
    daily: await prune("day", await cutoff(Math.max(365, retention.dailyDays), "month")),
  };
};
