import type { Clock } from "../domain/clock.ts";
import { type BucketResolution, bucketEnd, bucketStart } from "../domain/time-bucket.ts";
import { addSample, addSum, emptySum, type UsageBucket } from "../domain/usage.ts";
import type { SampleFiles, UsageRollups } from "./deps.ts";

export interface RollUpDeps {
  files: Pick<SampleFiles, "environmentsBetween" | "samplesOf" | "firstSampleMs" | "late" | "forgetLate">;
  rollups: Pick<UsageRollups, "rolledUntil" | "commitBucket" | "sumsAt" | "firstBucket">;
  clock: Clock;
}

const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Rolls every bucket that is over and not yet done: samples to hours, hours to days, days to months. Each bucket
 * is computed anew from what is below it and committed together with the watermark, so a gap of any length is
 * caught up, a crash between two buckets costs nothing and doing it twice changes nothing. When the clock went
 * back, buckets from there on are done again.
 * @returns how many buckets were written, per resolution
 */
export const rollUp = async (
  deps: RollUpDeps,
  signal: AbortSignal,
): Promise<Record<BucketResolution, number>> => {
  const { files, rollups, clock } = deps;
  const late = files.late();
  const done = { hour: 0, day: 0, month: 0 };

  /** Does all buckets of a resolution up to the end of what is below it. @returns the new watermark */
  const rollBuckets = async (
    resolution: BucketResolution,
    untilMs: number,
    first: (fromMs: number) => Promise<number | null>,
    sum: (startMs: number, endMs: number) => Promise<UsageBucket[]>,
  ): Promise<number | null> => {
    const before = await rollups.rolledUntil(resolution);
    let fromMs = before ?? 0;
    if (late !== null) fromMs = Math.min(fromMs, bucketStart(resolution, late.fromMs));
    while (!signal.aborted) {
      const next = await first(fromMs);
      if (next === null || next >= untilMs) {
        if (before === null && done[resolution] === 0) return null;
        if (untilMs !== before) await rollups.commitBucket(resolution, [], untilMs);
        return untilMs;
      }
      const startMs = bucketStart(resolution, next);
      fromMs = bucketEnd(resolution, startMs);
      await rollups.commitBucket(resolution, await sum(startMs, fromMs), fromMs);
      done[resolution]++;
    }
    return null;
  };

  const sumHour = async (startMs: number, endMs: number): Promise<UsageBucket[]> => {
    const sums: UsageBucket[] = [];
    for (const environmentId of files.environmentsBetween(startMs, endMs)) {
      const sum = { environmentId, bucketMs: startMs, ...emptySum() };
      for (const sample of files.samplesOf(environmentId, startMs, endMs)) addSample(sum, sample);
      sums.push(sum);
      await breathe();
    }
    return sums;
  };
  const sumFrom =
    (finer: BucketResolution) =>
    async (startMs: number, endMs: number): Promise<UsageBucket[]> => {
      const sums = new Map<string, UsageBucket>();
      for (let bucketMs = startMs; bucketMs < endMs; bucketMs = bucketEnd(finer, bucketMs)) {
        for (const one of await rollups.sumsAt(finer, bucketMs)) {
          const { environmentId } = one;
          const sum = sums.get(environmentId) ?? { environmentId, bucketMs: startMs, ...emptySum() };
          addSum(sum, one);
          sums.set(environmentId, sum);
        }
        await breathe();
      }
      return [...sums.values()];
    };

  const hours = await rollBuckets(
    "hour",
    bucketStart("hour", clock.nowMs()),
    async (fromMs) => files.firstSampleMs(fromMs),
    sumHour,
  );
  if (hours === null) return done;
  const days = await rollBuckets(
    "day",
    bucketStart("day", hours),
    (fromMs) => rollups.firstBucket("hour", fromMs),
    sumFrom("hour"),
  );
  if (days !== null)
    await rollBuckets(
      "month",
      bucketStart("month", days),
      (fromMs) => rollups.firstBucket("day", fromMs),
      sumFrom("day"),
    );
  if (late !== null && !signal.aborted) files.forgetLate(late);
  return done;
};
