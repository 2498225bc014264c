import { expect, test } from "bun:test";
import {
  addEncodedLatency,
  coarseBuckets,
  decodeLatency,
  emptyLatency,
  encodeLatency,
  fineBucketOf,
  latencyBoundsMs,
  latencyBucketOf,
  latencyBuckets,
  latencyOfText,
  latencyQuantile,
  latencyText,
  latencyUpTo,
} from "./latency-histogram.ts";

const count = (latencies: number[]): number[] => {
  const counts = emptyLatency();
  for (const ms of latencies) counts[latencyBucketOf(ms)]!++;
  return counts;
};

/** The same numbers in each run: mulberry32. */
const randomFrom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

test("each latency goes into the first bucket whose bound is not below it", () => {
  const times = [
    0,
    0.001,
    1e9,
    ...latencyBoundsMs.flatMap((bound) => [bound * 0.9999, bound, bound * 1.0001]),
  ];
  for (const ms of times) {
    const expected = latencyBoundsMs.findIndex((bound) => ms <= bound * (1 + 1e-12));
    expect(latencyBucketOf(ms)).toBe(expected < 0 ? latencyBoundsMs.length : expected);
  }
  expect(latencyBucketOf(Number.NaN)).toBe(0);
  expect(latencyBoundsMs.at(-1)!).toBeGreaterThan(600_000);
});

test("what is encoded comes back, whatever buckets and counts there are", () => {
  const edges = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER];
  for (let round = 0; round < 200; round++) {
    const counts = emptyLatency().map(() =>
      Math.random() < 0.3 ? edges[Math.floor(Math.random() * edges.length)]! : 0,
    );
    expect(decodeLatency(encodeLatency(counts))).toEqual(counts);
    expect(latencyOfText(latencyText(counts))).toEqual(counts);
  }
  expect(encodeLatency(emptyLatency())).toHaveLength(0);
  expect(latencyText(emptyLatency())).toBe("");
  expect(encodeLatency(emptyLatency().with(200, 300).with(201, 1))).toEqual(
    new Uint8Array([0x82, 200, 1, 2, 172, 2, 1]),
  );
});

test("a broken encoding is refused, and so is one of a scheme to come", () => {
  for (const bytes of [
    [0x82, 0x80],
    [0x82, 0, 2, 1],
    [0x82, ...[0xff, 0x7f], 1, 1],
    [0x83, 0, 1, 1],
    [5],
    [121, 1],
  ])
    expect(() => decodeLatency(new Uint8Array(bytes))).toThrow(RangeError);
});

test("what was stored in the first scheme is read at its time, not as other times", () => {
  // as written before: pairs of (buckets skipped, count), bounds 0.25 ms and each 12 % above
  const bound = (bucket: number) => 0.25 * 1.12 ** bucket;
  for (let bucket = 1; bucket < coarseBuckets - 1; bucket++) {
    const p50 = latencyQuantile(decodeLatency(new Uint8Array([bucket, 7])), 0.5)!;
    // within the old bucket, by the new one's tolerance
    expect(p50).toBeGreaterThan(bound(bucket - 1) / 1.001);
    expect(p50).toBeLessThan(bound(bucket) * 1.001);
  }
  const mixed = decodeLatency(new Uint8Array([20, 3, 9, 2]));
  expect(mixed.reduce((sum, n) => sum + n, 0)).toBe(5);
  addEncodedLatency(mixed, encodeLatency(emptyLatency().with(fineBucketOf(20), 1)));
  expect(mixed[fineBucketOf(20)]).toBe(4);
  expect(mixed[fineBucketOf(30)]).toBe(2);
  expect(decodeLatency(new Uint8Array([120, 1])).at(-1)).toBe(1);
});

test("a busy half minute takes few bytes", () => {
  const latencies = Array.from({ length: 1000 }, (_, i) => 5 * Math.exp((i / 1000) * 3));
  expect(encodeLatency(count(latencies)).length).toBeLessThan(100);
});

/** Times between 0.02 ms and ten minutes, as they occur: even, long-tailed, in two humps, all alike, heavy-tailed. */
const distributions: Record<string, (random: () => number) => number> = {
  uniform: (random) => 1 + random() * 99,
  exponential: (random) => 0.05 - 40 * Math.log(1 - random()),
  "log-normal": (random) =>
    8 * Math.exp(1.3 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())),
  "two humps": (random) => (random() < 0.9 ? 2 + random() : 900 + 400 * random()),
  constant: () => 12.345,
  pareto: (random) => Math.min(590_000, 0.5 / (1 - random()) ** 1.1),
  microseconds: (random) => 0.021 + random() * 0.05,
};

test("every quantile is within 2 % of the exact one, whatever the times are like", () => {
  for (const [name, draw] of Object.entries(distributions))
    for (const size of [1, 2, 7, 100, 20_000]) {
      const random = randomFrom(size);
      const times = Array.from({ length: size }, () => draw(random));
      const counts = count(times);
      times.sort((a, b) => a - b);
      for (const q of [0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1]) {
        const exact = times[Math.max(0, Math.ceil(q * size) - 1)]!;
        const error = Math.abs(latencyQuantile(counts, q)! - exact) / exact;
        if (error > 0.02) throw new Error(`${name}, ${size} times, quantile ${q}: ${error} off`);
      }
    }
  expect(latencyQuantile(emptyLatency(), 0.5)).toBeNull();
  expect(latencyQuantile(emptyLatency().with(latencyBuckets - 1, 1), 0.5)).toBeGreaterThan(600_000);
});

test("quantiles of merged histograms are those of all requests together", () => {
  const random = randomFrom(7);
  const merged = emptyLatency();
  const all: number[] = [];
  // a fast morning, a slow noon and a night with few requests: averages of quantiles would be far off
  for (const [requests, typicalMs] of [
    [5000, 3],
    [1000, 80],
    [40, 900],
  ] as const) {
    const latencies = Array.from({ length: requests }, () => typicalMs * Math.exp((random() - 0.5) * 2));
    all.push(...latencies);
    addEncodedLatency(merged, encodeLatency(count(latencies)));
  }
  expect(merged).toEqual(count(all));
  all.sort((a, b) => a - b);
  for (const q of [0.5, 0.95, 0.99]) {
    const exact = all[Math.ceil(q * all.length) - 1]!;
    expect(Math.abs(latencyQuantile(merged, q)! - exact) / exact).toBeLessThan(0.02);
  }
});

test("counts up to coarse bounds grow, keep all, and are right beyond 2 % of a bound", () => {
  const counts = emptyLatency();
  for (const ms of [0.001, 4.8, 5.2, 24, 99, 101, 9_000, 700_000]) counts[latencyBucketOf(ms)]!++;
  expect(latencyUpTo(counts, [0.0001, 5, 25, 100, 10_000])).toEqual([0, 2, 4, 5, 7]);
  expect(latencyUpTo([], [1, 2])).toEqual([0, 0]);
});
