import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../domain/log.ts";
import { cellOf, keepCells, openShared, privateMemory, routeCells } from "./memory.ts";
import { bucketKey, type RateBucket, rateBucket, takeShared, tokensIn } from "./rate-bucket.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-shared-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const bucketOf = (perMinute: number, before: RateBucket | null = null, nowMs = 0, id = "a") =>
  rateBucket(before?.memory ?? privateMemory(), id, perMinute, before, nowMs)!;
const takeAll = (bucket: RateBucket, nowMs: number): number => {
  for (let taken = 0; ; taken++) if (takeShared(bucket, nowMs) > 0) return taken;
};

describe("a bucket", () => {
  test("gives a minute's worth at once, then as time passes, never more than a minute's worth", () => {
    const bucket = bucketOf(60);
    expect(takeAll(bucket, 0)).toBe(60);
    expect(takeShared(bucket, 0)).toBe(1);
    expect(takeShared(bucket, 999)).toBe(1);
    expect(takeShared(bucket, 1_000)).toBe(0);
    expect(takeShared(bucket, 1_000)).toBe(1);
    expect(takeAll(bucket, 10_000_000)).toBe(60);
  });

  test("says how long to wait, in seconds", () => {
    const slow = bucketOf(1);
    expect(takeShared(slow, 0)).toBe(0);
    expect(takeShared(slow, 15_000)).toBe(45);
    expect(takeShared(bucketOf(0), 1_000_000)).toBe(60);
  });

  test.each([1, 7, 600, 70_001, 1_000_000, 4_000_000])("%d a minute is exact over minutes", (perMinute) => {
    const bucket = bucketOf(perMinute, null, 123_456);
    let taken = takeAll(bucket, 123_456);
    expect(taken).toBe(perMinute);
    // Asked every 10 s, beyond the moment at which the cell begins anew.
    for (let second = 10; second <= 300; second += 10) taken += takeAll(bucket, 123_456 + second * 1000);
    expect(Math.abs(taken - perMinute * 6)).toBeLessThanOrEqual(1);
  });

  test("is right wherever the kernel's clock stands, and after any pause", () => {
    for (const perMinute of [1, 100, 60_000, 4_000_000])
      for (const begin of [0, 1e6, 4.3e9, 1e11]) {
        const bucket = bucketOf(perMinute, null, begin);
        expect(takeAll(bucket, begin)).toBe(perMinute);
        expect(takeAll(bucket, begin + 30_000)).toBe(Math.floor(perMinute / 2));
      }
  });

  test("a process whose clock is a little behind finds an empty bucket empty", () => {
    const bucket = bucketOf(600);
    expect(takeAll(bucket, 10_000)).toBe(600);
    for (const behindMs of [1, 20, 900, 4_000])
      expect(takeShared(bucket, 10_000 - behindMs)).toBeGreaterThan(0);
  });

  test("under a changed limit it is filled to the same part; above what an edge can serve there is none", () => {
    const bucket = bucketOf(100);
    for (let i = 0; i < 50; i++) takeShared(bucket, 0);
    expect(tokensIn(bucket, 0)).toBe(50);
    const smaller = bucketOf(10, bucket);
    expect(tokensIn(smaller, 0)).toBe(5);
    expect(rateBucket(bucket.memory, "a", 10, smaller, 0)).toBe(smaller);
    expect(rateBucket(bucket.memory, "a", null, smaller, 0)).toBeNull();
    expect(rateBucket(bucket.memory, "a", 5_000_000, smaller, 0)).toBeNull();
    // Back again: no fuller than it was left.
    expect(takeAll(smaller, 0)).toBe(5);
    expect(takeAll(bucketOf(100, smaller), 0)).toBe(0);
  });
});

describe("cells", () => {
  test("each key has its own; without room a bucket counts for its process alone", () => {
    const memory = privateMemory();
    const cells = new Set<number>();
    let full = 0;
    for (let i = 0; i < routeCells * 1.2; i++) {
      const { at } = cellOf(memory.bucketKeys, `route ${i}`);
      if (at < 0) full++;
      else cells.add(at);
    }
    expect(cells.size + full).toBe(Math.ceil(routeCells * 1.2));
    expect(full).toBeGreaterThan(0);
    const alone = rateBucket(memory, "one too many", 5, null, 0)!;
    expect(takeAll(alone, 0)).toBe(5);
    // What is kept is found where it was, though cells before it are free now.
    const kept = Array.from({ length: 100 }, (_, i) => `route ${i * 7}`);
    const where = kept.map((key) => cellOf(memory.bucketKeys, key).at);
    keepCells(memory.bucketKeys, kept);
    expect(kept.map((key) => cellOf(memory.bucketKeys, key))).toEqual(
      where.map((at) => ({ at, isNew: false })),
    );
  });
});

describe("between processes", () => {
  test("no token is given twice and none is lost", async () => {
    const perMinute = 200_000;
    const memory = openShared(dir, "1-1-00000000", silentLog, true);
    rateBucket(memory, "a", perMinute, null, performance.now());
    const program = `
      import { openShared, setClock } from ${JSON.stringify(join(import.meta.dir, "memory.ts"))};
      import { rateBucket, takeShared } from ${JSON.stringify(join(import.meta.dir, "rate-bucket.ts"))};
      const log = { error: console.error };
      const memory = openShared(${JSON.stringify(dir)}, process.argv.at(-1), log, false);
      const bucket = rateBucket(memory, "a", ${perMinute}, null, performance.now());
      // A moment that stands still: what is there is all there is.
      const at = Number(process.argv.at(-2)) - memory.clockOffsetMs;
      let taken = 0;
      for (let i = 0; i < 150_000; i++) if (takeShared(bucket, at) === 0) taken++;
      console.log(taken);
    `;
    const at = String(performance.now() + memory.clockOffsetMs);
    const run = async (id: string): Promise<number> => {
      const child = Bun.spawn([process.execPath, "-e", program, at, id], {
        stdout: "pipe",
        stderr: "inherit",
      });
      return Number(await new Response(child.stdout).text());
    };
    const taken = await Promise.all(["2-1-00000000", "3-1-00000000"].map(run));
    expect(Math.min(...taken)).toBeGreaterThan(0);
    expect(taken[0]! + taken[1]!).toBe(perMinute);
  }, 30_000);

  test("a bucket is as empty as it was left when the edge starts anew; others' are given back", () => {
    const first = openShared(dir, "1-1-00000000", silentLog, true);
    const bucket = rateBucket(first, "a", 10, null, 0)!;
    rateBucket(first, "gone", 10, null, 0);
    expect(takeAll(bucket, 0)).toBe(10);
    const next = openShared(dir, "2-1-00000000", silentLog, true);
    keepCells(next.bucketKeys, [bucketKey("a", 10)]);
    const nowMs = first.clockOffsetMs - next.clockOffsetMs;
    expect(takeAll(rateBucket(next, "a", 10, null, nowMs)!, nowMs)).toBe(0);
    expect(next.bucketKeys.filter((key) => key !== 0n).length).toBe(1);
  });
});
