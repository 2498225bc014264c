import { afterEach, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { dayMs, hourMs } from "../domain/time-bucket.ts";
import { sampleOf, usageFixture } from "../testing/usage-fixture.ts";
import { pruneUsage } from "./prune.ts";
import { rollUp } from "./roll-up.ts";

const at = (text: string): number => Date.parse(text);
const never = new AbortController().signal;

let fixture: Awaited<ReturnType<typeof usageFixture>>;
afterEach(() => fixture.close());

const count = (resolution: string): number =>
  fixture.raw
    .query<{ n: number }, [string]>("SELECT count(*) AS n FROM usage_rollups WHERE resolution = ?")
    .get(resolution)!.n;

test("a month's file goes once its last day is past thirty days, and leaves nothing behind", async () => {
  fixture = await usageFixture(at("2026-01-15T00:00Z"));
  const { ids, put, clock, deps } = fixture;
  for (const month of ["2026-01", "2026-02", "2026-03"]) put(at(`${month}-15T00:00Z`), [sampleOf(ids[0]!)]);
  clock.wallMs = at("2026-03-02T23:59Z");
  // not rolled up yet: nothing may go
  expect((await pruneUsage(deps, never)).files).toEqual([]);
  clock.wallMs = at("2026-04-01T00:00Z");
  await rollUp(deps, never);
  clock.wallMs = at("2026-03-02T23:59Z");
  expect((await pruneUsage(deps, never)).files).toEqual([]);
  clock.wallMs = at("2026-03-03T00:00Z");
  expect((await pruneUsage(deps, never)).files).toEqual(["2026-01.db"]);
  expect(readdirSync(fixture.folder).filter((name) => name.startsWith("2026-01"))).toEqual([]);
  // the one written to last stays however old it is: it holds the sampler's state
  clock.wallMs = at("2027-01-01T00:00Z");
  expect((await pruneUsage(deps, never)).files).toEqual(["2026-02.db"]);
  expect(fixture.files.samplesOf(ids[0]!, 0, Infinity)).toHaveLength(1);
});

test("hourly sums stay 180 days, daily ones 400 by whole months, monthly ones for ever", async () => {
  fixture = await usageFixture(at("2024-01-01T00:00Z"));
  const { ids, put, clock, deps } = fixture;
  const start = at("2024-01-01T00:00Z");
  for (let day = 0; day < 800; day++)
    put(start + day * dayMs + 5 * hourMs, [sampleOf(ids[0]!, { requests: 1 })]);
  clock.wallMs = start + 800 * dayMs;
  await rollUp(deps, never);
  expect(count("hour")).toBe(800);
  const months = count("month");
  const { hourly, daily } = await pruneUsage(deps, never);
  expect(count("hour")).toBe(180);
  expect(hourly).toBe(620);
  // 400 days before 2026-03-11 is 2025-02-04, in a month that is kept whole
  expect(count("day")).toBe(800 - (at("2025-02-01T00:00Z") - start) / dayMs);
  expect(daily).toBe(800 - count("day"));
  expect(count("month")).toBe(months);
  expect(await pruneUsage(deps, never)).toMatchObject({ hourly: 0, daily: 0 });
}, 30_000);

test("daily sums are never kept for less than a year", async () => {
  fixture = await usageFixture(at("2025-01-01T00:00Z"));
  const { ids, put, clock, deps } = fixture;
  put(at("2025-02-01T00:00Z"), [sampleOf(ids[0]!)]);
  clock.wallMs = at("2026-01-31T00:00Z");
  await rollUp(deps, never);
  expect((await pruneUsage(deps, never, { rawDays: 1, hourlyDays: 1, dailyDays: 1 })).daily).toBe(0);
});
