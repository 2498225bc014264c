import { afterEach, expect, test } from "bun:test";
import { hourMs } from "../domain/time-bucket.ts";
import { AppError } from "../errors.ts";
import { sampleOf, usageFixture } from "../testing/usage-fixture.ts";
import { latestUsage } from "./latest-usage.ts";
import { queryUsage, type UsageQuery } from "./query-usage.ts";
import { rollUp } from "./roll-up.ts";
import { monthToDate } from "./totals.ts";

const at = (text: string): number => Date.parse(text);
const never = new AbortController().signal;

let fixture: Awaited<ReturnType<typeof usageFixture>>;
afterEach(() => fixture.close());

/** One request a minute from `from` on, which carries 10 bytes in and 20 out. */
const putMinutes = (from: string, to: string): void => {
  for (let ms = at(from); ms < at(to); ms += 60_000)
    fixture.put(ms, [
      sampleOf(fixture.ids[0]!, { requests: 1, bytesIn: 10, bytesOut: 20, cpuNanos: 5e8, upMs: 60_000 }),
    ]);
};
const query = (more: Omit<UsageQuery, "environmentId">) =>
  queryUsage(fixture.deps, { environmentId: fixture.ids[0]!, ...more });
const requests = async (more: Omit<UsageQuery, "environmentId">) =>
  (await query(more)).items.map((point) => [point.at, point.requests]);

test("open hours and days are counted up to now, whatever is rolled up already", async () => {
  fixture = await usageFixture(at("2026-03-10T00:00Z"));
  const { clock, deps } = fixture;
  putMinutes("2026-03-09T22:00Z", "2026-03-10T02:31Z");
  clock.wallMs = at("2026-03-10T02:31Z");
  const expected = {
    hour: [
      ["2026-03-09T22:00:00.000Z", 60],
      ["2026-03-09T23:00:00.000Z", 60],
      ["2026-03-10T00:00:00.000Z", 60],
      ["2026-03-10T01:00:00.000Z", 60],
      ["2026-03-10T02:00:00.000Z", 31],
    ],
    day: [
      ["2026-03-09T00:00:00.000Z", 120],
      ["2026-03-10T00:00:00.000Z", 151],
    ],
    month: [["2026-03-01T00:00:00.000Z", 271]],
  };
  const check = async () => {
    for (const resolution of ["hour", "day", "month"] as const)
      expect(await requests({ resolution })).toEqual(expected[resolution]);
    expect(await monthToDate(deps, fixture.ids[0]!)).toEqual({
      requests: 271,
      bytesIn: 2710,
      bytesOut: 5420,
      errors: 0,
      cpuSeconds: 135.5,
      uptimeSeconds: 271 * 60,
    });
  };
  await check();
  // as after a roll-up that ended in the night, and one that has just ended
  clock.wallMs = at("2026-03-10T00:00Z");
  await rollUp(deps, never);
  clock.wallMs = at("2026-03-10T02:31Z");
  await check();
  await rollUp(deps, never);
  await check();
});

test("a span begins with the bucket that holds it and ends before its end", async () => {
  fixture = await usageFixture(at("2026-03-10T05:00Z"));
  putMinutes("2026-03-10T00:00Z", "2026-03-10T04:00Z");
  const hours = async (from: string, to: string) => (await requests({ resolution: "hour", from, to })).length;
  for (const rolled of [false, true]) {
    if (rolled) await rollUp(fixture.deps, never);
    expect(await hours("2026-03-10T01:59:59Z", "2026-03-10T03:00:00Z")).toBe(2);
    expect(await hours("2026-03-10T01:00:00Z", "2026-03-10T01:30:00Z")).toBe(1);
    // whole buckets, also where the span ends inside one
    expect(
      (await requests({ resolution: "hour", from: "2026-03-10T01:00Z", to: "2026-03-10T01:30Z" }))[0]![1],
    ).toBe(60);
  }
  expect(await requests({ resolution: "raw", from: "2026-03-10T01:00Z", to: "2026-03-10T01:02Z" })).toEqual([
    ["2026-03-10T01:00:00.000Z", 1],
    ["2026-03-10T01:01:00.000Z", 1],
  ]);
});

test("without times: the last hour of samples, two days of hours, thirty days", async () => {
  fixture = await usageFixture(at("2026-03-10T04:00Z"));
  putMinutes("2026-03-10T00:00Z", "2026-03-10T04:00Z");
  expect(await requests({ resolution: "raw" })).toHaveLength(60);
  const span = async (resolution: string) => {
    const { from, to } = await query({ resolution });
    return Math.floor((at(to) - at(from)) / hourMs);
  };
  expect(await span("raw")).toBe(1);
  expect(await span("hour")).toBe(48);
  expect(await span("day")).toBe(720);
  expect((await query({})).resolution).toBe("hour");
});

const refused = async (more: Omit<UsageQuery, "environmentId">): Promise<AppError> => {
  const error = await query(more).then(
    () => null,
    (cause) => cause,
  );
  expect(error).toBeInstanceOf(AppError);
  expect(error.code).toBe("invalid_input");
  return error;
};

test("bad input is refused by the field's name, with what is allowed", async () => {
  fixture = await usageFixture(at("2026-03-10T04:00Z"));
  for (const [input, field, words] of [
    [{ resolution: "minute" }, "resolution", "raw, hour, day, month"],
    [{ from: "yesterday" }, "from", "2026-03-01T12:00:00Z"],
    [{ from: "1" }, "from", "2026-03-01"],
    [{ to: "" }, "to", "2026-03-01"],
    [{ to: Infinity }, "to", "2026-03-01"],
    [{ from: "2026-03-02", to: "2026-03-01" }, "from", "before to"],
    [
      { resolution: "raw", from: "2026-03-01", to: "2026-03-10" },
      "from",
      "9.0 days of raw points are more than 3,000",
    ],
    [{ resolution: "hour", from: "2020-01-01" }, "from", "coarser resolution"],
  ] as const) {
    const error = await refused(input);
    expect(error.fields.map((one) => one.path)).toEqual([field]);
    expect(error.publicMessage).toContain(words);
  }
  // what an operator might paste
  expect((await query({ from: 1773100800000, resolution: "hour" })).from).toBe("2026-03-10T00:00:00.000Z");
  expect((await query({ from: "1773100800000", resolution: "hour" })).from).toBe("2026-03-10T00:00:00.000Z");
});

test("more samples than the interval lets expect are refused too, not cut off", async () => {
  fixture = await usageFixture(at("2026-03-10T04:00Z"));
  for (let i = 0; i < 3001; i++) fixture.put(at("2026-03-10T03:00Z") + i, [sampleOf(fixture.ids[0]!)]);
  const input = { resolution: "raw", from: "2026-03-10T03:00Z", to: "2026-03-10T03:10Z" };
  expect((await refused(input)).fields[0]!.path).toBe("from");
  expect((await query({ ...input, from: at("2026-03-10T03:00Z") + 1 })).items).toHaveLength(3000);
});

test("the fleet: last sample, last hour, a day of hours and the month, for each that is asked for", async () => {
  fixture = await usageFixture(at("2026-03-10T00:00Z"), 3);
  const { ids, put, clock, deps } = fixture;
  for (let ms = at("2026-03-09T00:00Z"); ms <= at("2026-03-10T02:30Z"); ms += 600_000)
    put(ms, [
      sampleOf(ids[0]!, { requests: 1, errors: 1, bytesOut: 3 }),
      ...(ms < at("2026-03-10T02:00Z") ? [sampleOf(ids[1]!)] : []),
    ]);
  clock.wallMs = at("2026-03-10T02:30Z");
  for (const rolled of [false, true]) {
    if (rolled) await rollUp(deps, never);
    const fleet = await latestUsage(deps, [ids[0]!, ids[1]!, "env_unknown"]);
    expect([...fleet.keys()]).toEqual([ids[0]!, ids[1]!, "env_unknown"]);
    const first = fleet.get(ids[0]!)!;
    expect(first.last).toMatchObject({ at: "2026-03-10T02:30:00.000Z", requests: 1 });
    expect(first).toMatchObject({ requestsLastHour: 7, errorsLastHour: 7 });
    // a roll-up that never ran leaves all but the last two hours to itself
    expect(first.requestsByHour).toEqual([...new Array(21).fill(rolled ? 6 : 0), rolled ? 6 : 0, 6, 4]);
    expect(first.month).toMatchObject({ requests: 160, bytesOut: 480 });
    expect(fleet.get(ids[1]!)!.last).toBeNull();
    expect(fleet.get("env_unknown")).toMatchObject({
      last: null,
      requestsLastHour: 0,
      month: { requests: 0 },
    });
  }
});
