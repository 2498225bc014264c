import { addEncodedLatency, decodeLatency, emptyLatency, latencyQuantile } from "./latency-histogram.ts";
import type { UsagePoint } from "./views.ts";

/**
 * What one environment used since the sample before. Memory, disk and active requests are gauges, all else is an
 * increase. Null was not measured: static sites have no memory and CPU, and neither has a moment without engine.
 */
export interface UsageSample {
  environmentId: string;
  /** Wall time of the sample; all samples of one tick share it. */
  atMs: number;
  memoryBytes: number | null;
  cpuNanos: number | null;
  throttledNanos: number;
  oomKills: number;
  /** How often memory met its limit, so that the kernel had to reclaim some before it gave more. */
  memoryLimitHits: number;
  /** How long work stood still for want of memory (PSI, some); null where the kernel does not tell. */
  memoryStallMicros: number | null;
  diskBytes: number | null;
  bytesIn: number;
  bytesOut: number;
  requests: number;
  /** 4xx and 5xx; the latter are the `errors` that people see. */
  clientErrors: number;
  errors: number;
  active: number;
  latencySumMs: number;
  /** `encodeLatency`. */
  latency: Uint8Array;
  /** How long at least one replica ran since the sample before; for static sites: how long the edge served. */
  upMs: number;
}

/** Samples of a bucket taken together, in a form that adds up to coarser buckets. */
export interface UsageSum {
  samples: number;
  memorySum: number | null;
  memoryMax: number | null;
  memorySamples: number;
  cpuNanos: number | null;
  cpuPercentMax: number | null;
  /** Time over which `cpuNanos` was spent. */
  cpuSpanMs: number;
  /** The last one known. */
  diskBytes: number | null;
  bytesIn: number;
  bytesOut: number;
  requests: number;
  clientErrors: number;
  errors: number;
  activeMax: number;
  latencySumMs: number;
  /** Counts per bucket of `latencyBoundsMs`. */
  latency: number[];
  upMs: number;
  throttledNanos: number;
  oomKills: number;
  memoryLimitHits: number;
  memoryStallMicros: number | null;
}

/** A sum of one environment's bucket that begins at `bucketMs`. */
export interface UsageBucket extends UsageSum {
  environmentId: string;
  bucketMs: number;
}

/** Figures of a span without its distributions. */
export interface UsageTotals {
  bytesIn: number;
  bytesOut: number;
  requests: number;
  errors: number;
  cpuSeconds: number;
  uptimeSeconds: number;
}

/** Cumulative meter values at the last sample of an environment; the next sample counts from here. */
export interface MeterBaseline {
  requests: number;
  status4xx: number;
  status5xx: number;
  bytesIn: number;
  bytesOut: number;
  latencySumMs: number;
  latency: readonly number[];
}

export interface ReplicaBaseline {
  environmentId: string;
  cpuNanos: number;
  throttledNanos: number;
  oomKills: number;
  memoryLimitHits: number;
  memoryStallMicros: number;
}

/**
 * All that the sampler must remember from one tick to the next, also over a restart of the daemon. Never changed
 * in place: an entry that is the same object as before need not be written again.
 */
export interface SamplerState {
  /** Counts ticks: the file with the highest number holds the present state, whatever the clock said. */
  sequence: number;
  atMs: number;
  /** Life of the edge's counters that `meters` belong to; null before the first reading. */
  epoch: string | null;
  /** Wall time of the last good reading of the engine. */
  engineAtMs: number | null;
  meters: ReadonlyMap<string, MeterBaseline>;
  replicas: ReadonlyMap<string, ReplicaBaseline>;
}

export const emptySum = (): UsageSum => ({
  samples: 0,
  memorySum: null,
  memoryMax: null,
  memorySamples: 0,
  cpuNanos: null,
  cpuPercentMax: null,
  cpuSpanMs: 0,
  diskBytes: null,
  bytesIn: 0,
  bytesOut: 0,
  requests: 0,
  clientErrors: 0,
  errors: 0,
  activeMax: 0,
  latencySumMs: 0,
  latency: emptyLatency(),
  upMs: 0,
  throttledNanos: 0,
  oomKills: 0,
  memoryLimitHits: 0,
  memoryStallMicros: null,
});

/** Below a second of running, a share of it says nothing. */
const shortestSpanMs = 1000;

const percentOf = (cpuNanos: number | null, spanMs: number): number | null =>
  cpuNanos === null || spanMs < shortestSpanMs ? null : cpuNanos / spanMs / 10_000;

const addKnown = (a: number | null, b: number | null): number | null => (b === null ? a : (a ?? 0) + b);
const maxKnown = (a: number | null, b: number | null): number | null =>
  b === null ? a : a === null ? b : Math.max(a, b);

/** Adds a sample; samples of a bucket come in the order of time. */
export const addSample = (sum: UsageSum, sample: UsageSample): void => {
  sum.samples++;
  sum.memorySum = addKnown(sum.memorySum, sample.memoryBytes);
  sum.memoryMax = maxKnown(sum.memoryMax, sample.memoryBytes);
  if (sample.memoryBytes !== null) sum.memorySamples++;
  sum.cpuNanos = addKnown(sum.cpuNanos, sample.cpuNanos);
  sum.cpuPercentMax = maxKnown(sum.cpuPercentMax, percentOf(sample.cpuNanos, sample.upMs));
  if (sample.cpuNanos !== null) sum.cpuSpanMs += sample.upMs;
  sum.diskBytes = sample.diskBytes ?? sum.diskBytes;
  sum.activeMax = Math.max(sum.activeMax, sample.active);
  addEncodedLatency(sum.latency, sample.latency);
  addCounts(sum, sample);
};

/** Adds a finer bucket; those of a coarser one come in the order of time. */
export const addSum = (sum: UsageSum, finer: UsageSum): void => {
  sum.samples += finer.samples;
  sum.memorySum = addKnown(sum.memorySum, finer.memorySum);
  sum.memoryMax = maxKnown(sum.memoryMax, finer.memoryMax);
  sum.memorySamples += finer.memorySamples;
  sum.cpuNanos = addKnown(sum.cpuNanos, finer.cpuNanos);
  sum.cpuPercentMax = maxKnown(sum.cpuPercentMax, finer.cpuPercentMax);
  sum.cpuSpanMs += finer.cpuSpanMs;
  sum.diskBytes = finer.diskBytes ?? sum.diskBytes;
  sum.activeMax = Math.max(sum.activeMax, finer.activeMax);
  finer.latency.forEach((count, bucket) => (sum.latency[bucket] = (sum.latency[bucket] ?? 0) + count));
  addCounts(sum, finer);
};

type Counts = Pick<
  UsageSum,
  | "bytesIn"
  | "bytesOut"
  | "requests"
  | "clientErrors"
  | "errors"
  | "latencySumMs"
  | "upMs"
  | "throttledNanos"
  | "oomKills"
  | "memoryLimitHits"
  | "memoryStallMicros"
>;

const addCounts = (sum: Counts, more: Counts): void => {
  sum.bytesIn += more.bytesIn;
  sum.bytesOut += more.bytesOut;
  sum.requests += more.requests;
  sum.clientErrors += more.clientErrors;
  sum.errors += more.errors;
  sum.latencySumMs += more.latencySumMs;
  sum.upMs += more.upMs;
  sum.throttledNanos += more.throttledNanos;
  sum.oomKills += more.oomKills;
  sum.memoryLimitHits += more.memoryLimitHits;
  sum.memoryStallMicros = addKnown(sum.memoryStallMicros, more.memoryStallMicros);
};

const rounded = (value: number | null, digits: number): number | null =>
  value === null ? null : Math.round(value * 10 ** digits) / 10 ** digits;

const pointOf = (atMs: number, sum: Omit<UsageSum, "samples" | "clientErrors">): UsagePoint => {
  const timed = sum.latency.reduce((total, count) => total + count, 0);
  const quantile = (q: number) => rounded(latencyQuantile(sum.latency, q), 2);
  return {
    at: new Date(atMs).toISOString(),
    memoryBytes: {
      avg: sum.memorySum === null ? null : Math.round(sum.memorySum / sum.memorySamples),
      max: sum.memoryMax,
    },
    cpuPercent: {
      avg: rounded(percentOf(sum.cpuNanos, sum.cpuSpanMs), 2),
      max: rounded(sum.cpuPercentMax, 2),
    },
    cpuSeconds: sum.cpuNanos === null ? null : sum.cpuNanos / 1e9,
    diskBytes: sum.diskBytes,
    bytesIn: sum.bytesIn,
    bytesOut: sum.bytesOut,
    requests: sum.requests,
    errors: sum.errors,
    responseMs: {
      avg: timed === 0 ? null : rounded(sum.latencySumMs / timed, 2),
      p50: quantile(0.5),
      p95: quantile(0.95),
      p99: quantile(0.99),
    },
    activeRequests: sum.activeMax,
    uptimeSeconds: sum.upMs / 1000,
    throttledSeconds: sum.throttledNanos / 1e9,
    oomKills: sum.oomKills,
    memoryLimitHits: sum.memoryLimitHits,
    memoryStallSeconds: sum.memoryStallMicros === null ? null : sum.memoryStallMicros / 1e6,
  };
};

/** A bucket as API, CLI and panel show it; `at` is its start. */
export const bucketPoint = (bucketMs: number, sum: UsageSum): UsagePoint => pointOf(bucketMs, sum);

/** A single sample as API, CLI and panel show it. */
export const samplePoint = (sample: UsageSample): UsagePoint =>
  pointOf(sample.atMs, {
    ...sample,
    memorySum: sample.memoryBytes,
    memoryMax: sample.memoryBytes,
    memorySamples: 1,
    cpuPercentMax: percentOf(sample.cpuNanos, sample.upMs),
    cpuSpanMs: sample.upMs,
    activeMax: sample.active,
    latency: decodeLatency(sample.latency),
  });
