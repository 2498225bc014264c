import { expect, test } from "bun:test";
import { latencyBoundsMs, latencyQuantile } from "./edge.ts";
import {
  addEncodedLatency,
  decodeLatency,
  emptyLatency,
  encodeLatency,
  latencyBuckets,
} from "./latency-histogram.ts";

const count = (latencies: number[]): number[] => {
  const counts = emptyLatency();
  for (const ms of latencies) {
    const bucket = latencyBoundsMs.findIndex((bound) => ms <= bound);
    counts[bucket === -1 ? latencyBuckets - 1 : bucket]!++;
  }
  return counts;
};

test("what is encoded comes back, whatever buckets and counts there are", () => {
  const edges = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER];
  for (let round = 0; round < 200; round++) {
    const counts = emptyLatency().map(() =>
      Math.random() < 0.3 ? edges[Math.floor(Math.random() * edges.length)]! : 0,
    );
    expect(decodeLatency(encodeLatency(counts))).toEqual(counts);
  }
  expect(encodeLatency(emptyLatency())).toHaveLength(0);
  expect(encodeLatency([...emptyLatency().slice(1), 300])).toEqual(new Uint8Array([120, 172, 2]));
});

test("a broken encoding is refused", () => {
  expect(() => decodeLatency(new Uint8Array([0x80]))).toThrow(RangeError);
  expect(() => decodeLatency(new Uint8Array([121, 1]))).toThrow(RangeError);
});

/** The same numbers in each run: mulberry32. */
const randomFrom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

test("a busy half minute takes few bytes", () => {
  const latencies = Array.from({ length: 1000 }, (_, i) => 5 * Math.exp((i / 1000) * 3));
  expect(encodeLatency(count(latencies)).length).toBeLessThan(100);
});

test("quantiles of merged histograms are those of all requests together, within a bucket's width", () => {
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
    expect(Math.abs(latencyQuantile(merged, q)! - exact) / exact).toBeLessThan(0.12);
  }
});
