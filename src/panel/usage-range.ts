import type { UsageResolution } from "./deps.ts";

const hour = 3_600_000;
const day = 24 * hour;

export interface UsageRange {
  name: string;
  label: string;
  spanMs: number;
  /** Rows of the table under the chart. */
  tableStepMs: number;
  tableStepWord: string;
}

/** What the usage page offers; the first is what it shows unasked. */
export const usageRanges: readonly UsageRange[] = [
  {
    name: "24h",
    label: "24 hours",
    spanMs: day,
    tableStepMs: hour,
    tableStepWord: "hour",
  },
  {
    name: "1h",
    label: "hour",
    spanMs: hour,
    tableStepMs: hour / 12,
    tableStepWord: "5 min",
  },
  {
    name: "7d",
    label: "7 days",
    spanMs: 7 * day,
    tableStepMs: day,
    tableStepWord: "day",
  },
  {
    name: "30d",
    label: "30 days",
    spanMs: 30 * day,
    tableStepMs: day,
    tableStepWord: "day",
  },
];

export const rangeNamed = (name: string | undefined): UsageRange =>
  usageRanges.find((range) => range.name === name) ?? usageRanges[0]!;

/** Most points that one question may ask for. */
const mostPoints = 2900;

/**
 * How a range is read: samples, or hours where samples are too many. The shortest range stays on samples, and
 * where they are very dense reaches less far back. Hours would leave the drawing of a young site empty.
 */
export const readingOf = (
  range: UsageRange,
  toMs: number,
  sampleSeconds: number,
  createdMs: number,
): { resolution: UsageResolution; fromMs: number } => {
  const reach = mostPoints * sampleSeconds * 1000;
  const fromMs = drawnFrom(toMs - range.spanMs, createdMs, toMs);
  if (toMs - fromMs <= reach) return { resolution: "raw", fromMs };
  if (range.name === "1h") return { resolution: "raw", fromMs: toMs - reach };
  return { resolution: "hour", fromMs: toMs - range.spanMs };
};

/** Where the drawing begins: at the site's own beginning when that lies inside, but never less than five minutes ago. */
export const drawnFrom = (fromMs: number, createdMs: number, toMs: number): number =>
  Math.max(fromMs, Math.min(createdMs, toMs - hour / 12));

/** For a young site the last hour says more than a day with nothing in it. */
export const overviewRange = (createdMs: number, nowMs: number): UsageRange =>
  rangeNamed(nowMs - createdMs < 3 * hour ? "1h" : "24h");
