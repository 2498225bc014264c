import type { UsagePoint } from "../domain/views.ts";

/**
 * Merges neighbouring points so that at most `most` are left: sums are added, maxima kept, means taken over
 * the points (response times weighted by requests). Quantiles cannot be merged, so the worst is kept.
 * The oldest few that fill no whole group are left out: a half-filled group would look like a dip.
 */
export const thin = (points: readonly UsagePoint[], most: number): UsagePoint[] => {
  const group = Math.ceil(points.length / most);
  if (group <= 1) return [...points];
  const merged: UsagePoint[] = [];
  for (let i = points.length % group; i < points.length; i += group)
    merged.push(merge(points.slice(i, i + group)));
  return merged;
};

/** One bucket per `stepMs`, aligned to the clock; buckets without points are left out. */
export const bucketed = (points: readonly UsagePoint[], stepMs: number): UsagePoint[] => {
  const buckets = new Map<number, UsagePoint[]>();
  for (const point of points) {
    const start = Math.floor(Date.parse(point.at) / stepMs) * stepMs;
    const bucket = buckets.get(start);
    if (bucket) bucket.push(point);
    else buckets.set(start, [point]);
  }
  return [...buckets].map(([start, bucket]) => ({ ...merge(bucket), at: new Date(start).toISOString() }));
};

/** Sums, means and maxima over all points; null figures where none was measured. */
export const merge = (points: readonly UsagePoint[]): UsagePoint => {
  const sum = (of: (p: UsagePoint) => number) => points.reduce((total, p) => total + of(p), 0);
  const known = (of: (p: UsagePoint) => number | null) =>
    points.map(of).filter((value): value is number => value !== null);
  const mean = (of: (p: UsagePoint) => number | null) => {
    const values = known(of);
    return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
  };
  const max = (of: (p: UsagePoint) => number | null) => {
    const values = known(of);
    return values.length === 0 ? null : Math.max(...values);
  };
  const timed = points.filter((p) => p.responseMs.avg !== null && p.requests > 0);
  const timedRequests = timed.reduce((total, p) => total + p.requests, 0);
  return {
    at: points[0]?.at ?? new Date(0).toISOString(),
    memoryBytes: { avg: mean((p) => p.memoryBytes.avg), max: max((p) => p.memoryBytes.max) },
    cpuPercent: { avg: mean((p) => p.cpuPercent.avg), max: max((p) => p.cpuPercent.max) },
    cpuSeconds: known((p) => p.cpuSeconds).length === 0 ? null : sum((p) => p.cpuSeconds ?? 0),
    diskBytes: known((p) => p.diskBytes).at(-1) ?? null,
    bytesIn: sum((p) => p.bytesIn),
    bytesOut: sum((p) => p.bytesOut),
    requests: sum((p) => p.requests),
    errors: sum((p) => p.errors),
    responseMs: {
      avg: timed.length === 0 ? null : sum((p) => (p.responseMs.avg ?? 0) * p.requests) / timedRequests,
      p50: max((p) => p.responseMs.p50),
      p95: max((p) => p.responseMs.p95),
      p99: max((p) => p.responseMs.p99),
    },
    activeRequests: max((p) => p.activeRequests) ?? 0,
    uptimeSeconds: sum((p) => p.uptimeSeconds),
    throttledSeconds: sum((p) => p.throttledSeconds),
    oomKills: sum((p) => p.oomKills),
    memoryLimitHits: sum((p) => p.memoryLimitHits),
    memoryStallSeconds:
      known((p) => p.memoryStallSeconds).length === 0 ? null : sum((p) => p.memoryStallSeconds ?? 0),
  };
};

/** Typical distance between two points; the median, so that a gap does not count. Null for fewer than two. */
export const spacingMs = (points: readonly UsagePoint[]): number | null => {
  const gaps = points
    .slice(1)
    .map((point, i) => Date.parse(point.at) - Date.parse(points[i]!.at))
    .sort((a, b) => a - b);
  return gaps[gaps.length >> 1] ?? null;
};
