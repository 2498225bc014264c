import { afterEach, expect, test } from "bun:test";
import { emptyLatency, encodeLatency } from "../domain/latency-histogram.ts";
import { dayMs, hourMs } from "../domain/time-bucket.ts";
import { sampleOf, usageFixture } from "../testing/usage-fixture.ts";
import { queryUsage } from "./query-usage.ts";
import { rollUp } from "./roll-up.ts";

const at = (text: string): number => Date.parse(text);
const never = new AbortController().signal;

let fixture: Awaited<ReturnType<typeof usageFixture>>;
afterEach(() => fixture.close());

const rollups = () =>
  fixture.raw
    .query<{ resolution: string; bucket: number; requests: number; samples: number }, []>(
      "SELECT resolution, bucket, requests, samples FROM usage_rollups ORDER BY resolution, bucket",
    )
    .all();
const watermarks = (): Record<string, number> =>
  Object.fromEntries(
    fixture.raw
      .query<{ resolution: string; done_until: number }, []>("SELECT * FROM usage_watermarks")
      .all()
      .map((row) => [row.resolution, row.done_until]),
  );

test("averages are not averaged: sums, maxima and histograms go up, from samples to months", async () => {
  fixture = await usageFixture(at("2026-03-10T00:00:00Z"));
  const { ids, put, clock, deps } = fixture;
  const [id] = ids as [string];
  const slow = encodeLatency(emptyLatency().with(90, 1));
  const fast = encodeLatency(emptyLatency().with(10, 99));
  // one busy minute in the first hour, a quiet second hour: the mean of two hourly means would be 550
  put(at("2026-03-10T00:10Z"), [
    sampleOf(id, {
      memoryBytes: 1000,
      cpuNanos: 15e9,
      upMs: 30_000,
      requests: 99,
      latency: fast,
      latencySumMs: 99,
    }),
  ]);
  for (let i = 0; i < 9; i++)
    put(at("2026-03-10T01:00Z") + i * 30_000, [
      sampleOf(id, { memoryBytes: 100, cpuNanos: 0, upMs: 30_000, diskBytes: i }),
    ]);
  put(at("2026-03-10T01:30Z"), [
    sampleOf(id, {
      memoryBytes: null,
      cpuNanos: null,
      upMs: 0,
      requests: 1,
      errors: 1,
      latency: slow,
      latencySumMs: 6000,
      active: 5,
    }),
  ]);
  clock.wallMs = at("2026-04-02T00:00Z");
  expect(await rollUp(deps, never)).toEqual({ hour: 2, day: 1, month: 1 });
  const { items } = await queryUsage(deps, {
    environmentId: id,
    resolution: "month",
    from: "2026-03-01",
    to: "2026-04-01",
  });
  expect(items).toHaveLength(1);
  expect(items[0]).toMatchObject({
    at: "2026-03-01T00:00:00.000Z",
    memoryBytes: { avg: 190, max: 1000 },
    cpuPercent: { avg: 5, max: 50 },
    cpuSeconds: 15,
    diskBytes: 8,
    requests: 100,
    errors: 1,
    activeRequests: 5,
    uptimeSeconds: 300,
  });
  expect(items[0]!.responseMs.avg).toBe(60.99);
  expect(items[0]!.responseMs.p50).toBeLessThan(1);
  expect(items[0]!.responseMs.p99).toBeLessThan(1);
  for (const resolution of ["hour", "day"]) {
    const query = { environmentId: id, resolution, from: "2026-03-10", to: "2026-03-11" };
    const total = (await queryUsage(deps, query)).items.reduce((sum, point) => sum + point.requests, 0);
    expect(total).toBe(100);
  }
});

test("a gap of weeks over month files is caught up at once; doing it again changes nothing", async () => {
  fixture = await usageFixture(at("2026-02-20T00:00:00Z"), 3);
  const { ids, put, clock, deps } = fixture;
  let samples = 0;
  for (let ms = at("2026-02-20T10:59:59Z"); ms < at("2026-03-15T00:00Z"); ms += 7 * hourMs, samples++)
    put(ms, [
      sampleOf(ids[0]!, { requests: 1 }),
      ...(samples % 2 ? [sampleOf(ids[1]!, { requests: 2 })] : []),
    ]);
  clock.wallMs = at("2026-03-20T00:30Z");
  expect(await rollUp(deps, never)).toEqual({ hour: samples, day: 23, month: 1 });
  const before = rollups();
  for (const resolution of ["hour", "day"])
    expect(
      before.filter((row) => row.resolution === resolution).reduce((n, row) => n + row.requests, 0),
    ).toBe(samples + 2 * Math.floor(samples / 2));
  expect(watermarks()).toEqual({
    hour: at("2026-03-20T00:00Z"),
    day: at("2026-03-20T00:00Z"),
    month: at("2026-03-01T00:00Z"),
  });
  expect(await rollUp(deps, never)).toEqual({ hour: 0, day: 0, month: 0 });
  fixture.raw.run("DELETE FROM usage_watermarks");
  expect(await rollUp(deps, never)).toEqual({ hour: samples, day: 23, month: 1 });
  expect(rollups()).toEqual(before);
});

test("stopped in the middle, it goes on from the last bucket committed", async () => {
  fixture = await usageFixture(at("2026-03-10T00:00Z"));
  const { ids, put, clock, deps } = fixture;
  for (let hour = 0; hour < 24; hour++)
    put(at("2026-03-10T00:10Z") + hour * hourMs, [sampleOf(ids[0]!, { requests: 1 })]);
  clock.wallMs = at("2026-03-11T00:00Z");
  const stop = new AbortController();
  let commits = 0;
  const stopping = {
    ...deps,
    rollups: {
      ...deps.rollups,
      commitBucket: async (...args: Parameters<typeof deps.rollups.commitBucket>) => {
        if (++commits === 5) stop.abort();
        await deps.rollups.commitBucket(...args);
      },
    },
  };
  expect((await rollUp(stopping, stop.signal)).hour).toBe(5);
  expect(watermarks()).toEqual({ hour: at("2026-03-10T05:00Z") });
  expect(await rollUp(deps, never)).toEqual({ hour: 19, day: 1, month: 0 });
});

test("sums and watermark commit together or not at all", async () => {
  fixture = await usageFixture(at("2026-03-10T00:00Z"));
  const { ids, put, clock, deps, raw } = fixture;
  put(at("2026-03-10T00:10Z"), [sampleOf(ids[0]!)]);
  clock.wallMs = at("2026-03-10T05:00Z");
  raw.run("CREATE TRIGGER broken BEFORE INSERT ON usage_watermarks BEGIN SELECT RAISE(ABORT, 'no'); END");
  await expect(rollUp(deps, never)).rejects.toThrow("no");
  expect(rollups()).toEqual([]);
  raw.run("DROP TRIGGER broken");
  await rollUp(deps, never);
  expect(rollups()).toHaveLength(1);
});

test("an environment that is gone does not hold up the others", async () => {
  fixture = await usageFixture(at("2026-03-10T00:00Z"), 2);
  const { ids, put, clock, deps, raw } = fixture;
  put(at("2026-03-10T00:10Z"), [sampleOf(ids[0]!), sampleOf(ids[1]!, { requests: 3 })]);
  raw.run("DELETE FROM environments WHERE id = ?", [ids[0]!]);
  clock.wallMs = at("2026-03-10T01:00Z");
  expect((await rollUp(deps, never)).hour).toBe(1);
  expect(rollups().map((row) => row.requests)).toEqual([3]);
});

test("samples taken after the clock was set back are rolled up into hours that were done", async () => {
  fixture = await usageFixture(at("2026-03-10T00:00Z"));
  const { ids, put, clock, deps } = fixture;
  const [id] = ids as [string];
  put(at("2026-03-10T22:30Z"), [sampleOf(id, { requests: 1 })]);
  put(at("2026-03-10T23:30Z"), [sampleOf(id, { requests: 2 })]);
  clock.wallMs = at("2026-03-11T00:05Z");
  await rollUp(deps, never);
  put(at("2026-03-11T00:05Z"), [sampleOf(id, { requests: 4 })]);

  // back by 25 minutes: the samples of the open hour show at once, though its watermark says done
  clock.wallMs = at("2026-03-10T23:40Z");
  put(clock.wallMs, [sampleOf(id, { requests: 8 })]);
  const hours = async () =>
    (
      await queryUsage(deps, { environmentId: id, resolution: "hour", from: "2026-03-10", to: "2026-03-12" })
    ).items.map((point) => [point.at.slice(11, 13), point.requests]);
  expect(await hours()).toEqual([
    ["22", 1],
    ["23", 10],
    ["00", 4],
  ]);
  await rollUp(deps, never);
  put(at("2026-03-10T23:59Z"), [sampleOf(id, { requests: 16 })]);
  fixture.reopen();

  clock.wallMs = at("2026-03-11T01:00Z");
  expect(await rollUp(fixture.deps, never)).toMatchObject({ hour: 2, day: 1 });
  expect(rollups().map((row) => [row.resolution, row.requests])).toEqual([
    ["day", 27],
    ["hour", 1],
    ["hour", 26],
    ["hour", 4],
  ]);
  expect(fixture.files.late()).toBeNull();
});

test("a clock that was far ahead for a moment does not freeze the roll-up", async () => {
  fixture = await usageFixture(at("2026-03-10T00:00Z"));
  const { ids, put, clock, deps } = fixture;
  put(at("2026-03-10T00:10Z"), [sampleOf(ids[0]!, { requests: 1 })]);
  clock.wallMs = at("2031-01-01T00:00Z");
  put(clock.wallMs, [sampleOf(ids[0]!, { requests: 2 })]);
  await rollUp(deps, never);
  clock.wallMs = at("2026-03-10T00:40Z");
  put(clock.wallMs, [sampleOf(ids[0]!, { requests: 4 })]);
  clock.wallMs = at("2026-03-10T01:00Z");
  await rollUp(deps, never);
  expect(watermarks().hour).toBe(at("2026-03-10T01:00Z"));
  expect(
    rollups().filter((row) => row.bucket === at("2026-03-10T00:00Z") && row.resolution === "hour"),
  ).toMatchObject([{ requests: 5 }]);
});

test("figures past 2^53 add up", async () => {
  fixture = await usageFixture(at("2026-03-10T00:00Z"));
  const { ids, put, clock, deps } = fixture;
  const big = { memoryBytes: 2 ** 50, cpuNanos: 2 ** 52, bytesOut: 2 ** 52 };
  for (let i = 0; i < 40; i++) put(at("2026-03-10T00:00Z") + i * 30_000, [sampleOf(ids[0]!, big)]);
  clock.wallMs = at("2026-03-10T00:00Z") + dayMs;
  expect((await rollUp(deps, never)).day).toBe(1);
  const { items } = await queryUsage(deps, { environmentId: ids[0]!, resolution: "day" });
  expect(items[0]).toMatchObject({ bytesOut: 40 * 2 ** 52, memoryBytes: { avg: 2 ** 50 } });
});
