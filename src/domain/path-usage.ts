import { z } from "zod";
import { addEncodedLatency, emptyLatency, latencyQuantile, latencyText } from "./latency-histogram.ts";
import { addCounts, type RequestCounts } from "./request-counts.ts";

const count = z.number().min(0);

/** What was asked for by one method and pattern, as it is kept; both are empty for all others together. */
export const storedPathSchema = z.tuple([
  z.string().max(32),
  z.string().max(1024),
  /** Requests, and answers by class. */
  count,
  count,
  count,
  count,
  count,
  /** Bytes in and out. */
  count,
  count,
  /** Sum of response times in ms, and `latencyText` of those that were whole. */
  count,
  z.base64().max(8192),
]);
export type StoredPath = z.output<typeof storedPathSchema>;

/** Of one route in one hour. */
export const pathHourSchema = z.array(storedPathSchema).max(1000);
export type PathHour = StoredPath[];

/** As the edge leaves it for the daemon: a file per process and hour. */
export const pathFileSchema = z.object({
  hourMs: z.number(),
  routes: z.record(z.string(), pathHourSchema),
});

/** The same without a look into the routes, which are many when one is wanted. */
export const pathFileOutline = z.object({ hourMs: z.number(), routes: z.record(z.string(), z.unknown()) });

/** Sums by method and pattern, over hours and processes. */
export interface PathSum extends RequestCounts {
  method: string;
  pattern: string;
  latency: number[];
}

export type PathSums = Map<string, PathSum>;

/** Key of all that has no line of its own. */
const otherKey = " ";

export const addPaths = (sums: PathSums, hour: PathHour): void => {
  for (const [
    method,
    pattern,
    requests,
    ok,
    moved,
    wrong,
    failed,
    bytesIn,
    bytesOut,
    sumMs,
    latency,
  ] of hour) {
    const key = `${method} ${pattern}`;
    const sum = sums.get(key) ?? emptyPath(method, pattern);
    sums.set(key, sum);
    sum.requests += requests;
    sum.status2xx += ok;
    sum.status3xx += moved;
    sum.status4xx += wrong;
    sum.status5xx += failed;
    sum.bytesIn += bytesIn;
    sum.bytesOut += bytesOut;
    sum.latencySumMs += sumMs;
    addEncodedLatency(sum.latency, Buffer.from(latency, "base64"));
  }
};

const emptyPath = (method: string, pattern: string): PathSum => ({
  method,
  pattern,
  requests: 0,
  status2xx: 0,
  status3xx: 0,
  status4xx: 0,
  status5xx: 0,
  bytesIn: 0,
  bytesOut: 0,
  latencySumMs: 0,
  latency: emptyLatency(),
});

const addSum = (into: PathSum, from: PathSum): void => {
  addCounts(into, from);
  from.latency.forEach((n, bucket) => (into.latency[bucket]! += n));
};

/** The `most` that were asked for most, most first; all else together at the end, when there is any. */
export const topPaths = (sums: PathSums, most: number): { top: PathSum[]; other: PathSum | null } => {
  const ranked = [...sums]
    .filter(([key]) => key !== otherKey)
    .map(([, sum]) => sum)
    .sort((a, b) => b.requests - a.requests || a.pattern.localeCompare(b.pattern));
  const other = emptyPath("", "");
  for (const sum of [...ranked.slice(most), sums.get(otherKey)]) if (sum) addSum(other, sum);
  return { top: ranked.slice(0, most), other: other.requests > 0 ? other : null };
};

/** For storing again. */
export const storedPath = (sum: PathSum): StoredPath => [
  sum.method,
  sum.pattern,
  sum.requests,
  sum.status2xx,
  sum.status3xx,
  sum.status4xx,
  sum.status5xx,
  sum.bytesIn,
  sum.bytesOut,
  sum.latencySumMs,
  latencyText(sum.latency),
];

/** A line of the list as API, CLI and panel show it. */
export interface PathView {
  /** Empty, like `path`, for all others together. */
  method: string;
  path: string;
  requests: number;
  status: { "2xx": number; "3xx": number; "4xx": number; "5xx": number };
  bytesIn: number;
  bytesOut: number;
  responseMs: { avg: number | null; p50: number | null; p95: number | null; p99: number | null };
}

const rounded = (value: number | null): number | null =>
  value === null ? null : Math.round(value * 100) / 100;

export const pathView = (sum: PathSum): PathView => {
  const timed = sum.latency.reduce((total, n) => total + n, 0);
  const quantile = (q: number) => rounded(latencyQuantile(sum.latency, q));
  return {
    method: sum.method,
    path: sum.pattern,
    requests: sum.requests,
    status: { "2xx": sum.status2xx, "3xx": sum.status3xx, "4xx": sum.status4xx, "5xx": sum.status5xx },
    bytesIn: sum.bytesIn,
    bytesOut: sum.bytesOut,
    responseMs: {
      avg: timed === 0 ? null : rounded(sum.latencySumMs / timed),
      p50: quantile(0.5),
      p95: quantile(0.95),
      p99: quantile(0.99),
    },
  };
};
