import { z } from "zod";
import {
  bucketEnd,
  bucketResolutions,
  bucketStart,
  dayMs,
  hourMs,
  type BucketResolution,
} from "../domain/time-bucket.ts";
import { addSample, addSum, bucketPoint, emptySum, samplePoint, type UsageSum } from "../domain/usage.ts";
import type { UsagePoint } from "../domain/views.ts";
import { AppError, invalid, invalidFields } from "../errors.ts";
import type { UsageDeps } from "./deps.ts";

export const usageResolutions = ["raw", ...bucketResolutions] as const;
export type UsageResolution = (typeof usageResolutions)[number];

/** Most points in one answer; enough for a day of samples at the default interval. */
export const mostPoints = 3000;

const defaultSpanMs: Record<UsageResolution, number> = {
  raw: hourMs,
  hour: 2 * dayMs,
  day: 30 * dayMs,
  month: 366 * dayMs,
};

/** At the shortest sampling intervals even an hour of samples is more than one answer holds. */
const defaultSpan = (deps: UsageDeps, resolution: UsageResolution): number =>
  resolution === "raw"
    ? Math.min(defaultSpanMs.raw, (mostPoints - 1) * deps.sampleSeconds * 1000)
    : defaultSpanMs[resolution];

const timeWords =
  "must be a time such as 2026-03-01T12:00:00Z, a date such as 2026-03-01, or UTC milliseconds";
const time = z
  .union([z.string(), z.number()], { error: timeWords })
  .transform((value) => {
    const text = String(value).trim();
    if (/^\d{11,14}$/.test(text)) return Number(text);
    return Date.parse(/^\d{4}-\d{2}/.test(text) ? text : "");
  })
  .refine(Number.isFinite, timeWords);

const inputSchema = z.object({
  environmentId: z.string(),
  resolution: z
    .enum(usageResolutions, { error: `must be one of ${usageResolutions.join(", ")}` })
    .default("hour"),
  from: time.optional(),
  to: time.optional(),
});

/** `from` and `to`: ISO 8601 text, or UTC milliseconds. */
export interface UsageQuery {
  environmentId: string;
  resolution?: string;
  from?: string | number;
  to?: string | number;
}

/**
 * Usage of one environment, oldest first, from `from` up to but without `to`; buckets are whole, and the one that
 * is still open is counted up to now. Buckets without a sample are left out. Without times: the last hour of raw
 * samples, 2 days of hours, 30 days, a year of months.
 * @throws AppError `invalid_input` naming the field, also when the span has more than 3,000 points
 */
export const queryUsage = async (
  deps: UsageDeps,
  query: UsageQuery,
): Promise<{ resolution: UsageResolution; from: string; to: string; items: UsagePoint[] }> => {
  const parsed = inputSchema.safeParse(query);
  if (!parsed.success) throw invalidFields(parsed.error.issues);
  const { environmentId, resolution } = parsed.data;
  const toMs = parsed.data.to ?? deps.clock.nowMs() + 1;
  const fromMs = parsed.data.from ?? (parsed.data.to ?? deps.clock.nowMs()) - defaultSpan(deps, resolution);
  if (fromMs >= toMs) throw invalid("from", "must lie before to");
  checkSpan(deps, resolution, fromMs, toMs);

  const span = { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
  if (resolution !== "raw") {
    const sums = await sumsOf(deps, environmentId, resolution, bucketStart(resolution, fromMs), toMs);
    return { resolution, ...span, items: sums.map(([bucketMs, sum]) => bucketPoint(bucketMs, sum)) };
  }
  const samples = deps.files.samplesOf(environmentId, fromMs, toMs, mostPoints + 1);
  if (samples.length > mostPoints) throw tooMany(resolution, fromMs, toMs);
  return { resolution, ...span, items: samples.map(samplePoint) };
};

const tooMany = (resolution: UsageResolution, fromMs: number, toMs: number): AppError => {
  const days = ((toMs - fromMs) / dayMs).toFixed(1);
  const advice =
    resolution === "raw"
      ? "choose a shorter span, or resolution hour"
      : "choose a shorter span, or a coarser resolution";
  return invalid(
    "from",
    `${days} days of ${resolution} points are more than ${mostPoints.toLocaleString("en")}; ${advice}`,
  );
};

const checkSpan = (deps: UsageDeps, resolution: UsageResolution, fromMs: number, toMs: number): void => {
  const stepMs = { raw: deps.sampleSeconds * 1000, hour: hourMs, day: dayMs, month: 28 * dayMs }[resolution];
  if ((toMs - fromMs) / stepMs > mostPoints) throw tooMany(resolution, fromMs, toMs);
};

/**
 * Sums per bucket: from rollups as far as they go, beyond that put together from what is finer, down to samples.
 * So an open bucket is exact at any moment, and so is a past one that the roll-up has not come to.
 */
const sumsOf = async (
  deps: UsageDeps,
  environmentId: string,
  resolution: BucketResolution,
  fromMs: number,
  toMs: number,
): Promise<[bucketMs: number, UsageSum][]> => {
  const rolledMs = await rolledUntil(deps, resolution);
  const rolled = await deps.rollups.sumsOf(environmentId, resolution, fromMs, Math.min(toMs, rolledMs));
  const sums: [number, UsageSum][] = rolled.map((sum) => [sum.bucketMs, sum]);
  const openMs = Math.max(fromMs, rolledMs);
  if (openMs >= toMs) return sums;

  const untilMs = bucketEnd(resolution, toMs - 1);
  const at = (ms: number): UsageSum => {
    const bucketMs = bucketStart(resolution, ms);
    const last = sums.at(-1);
    if (last && last[0] === bucketMs) return last[1];
    const sum = emptySum();
    sums.push([bucketMs, sum]);
    return sum;
  };
  if (resolution === "hour")
    for (const sample of deps.files.samplesOf(environmentId, openMs, untilMs))
      addSample(at(sample.atMs), sample);
  else {
    const finer = resolution === "day" ? "hour" : "day";
    for (const [bucketMs, sum] of await sumsOf(deps, environmentId, finer, openMs, untilMs))
      addSum(at(bucketMs), sum);
  }
  return sums;
};

/** Watermark, but never past the bucket that is open now: while the clock is behind, samples are still coming. */
export const rolledUntil = async (deps: UsageDeps, resolution: BucketResolution): Promise<number> =>
  Math.min((await deps.rollups.rolledUntil(resolution)) ?? 0, bucketStart(resolution, deps.clock.nowMs()));
