import { describe, expect, test } from "bun:test";
import { defaultLimits } from "../domain/limits.ts";
import { chartScale, chartsOf, hasFigures, releaseMarks, ticks } from "./chart-data.ts";
import { bucketed, merge, spacingMs, thin } from "./series.ts";
import { fakeRelease, fakeUsage } from "./testing/fake-data.ts";
import { drawnFrom, overviewRange, rangeNamed, readingOf } from "./usage-range.ts";

const at = Date.UTC(2026, 10, 20);
const hour = 3_600_000;
const day = fakeUsage(at, at + 24 * hour, 30_000);
const words = { memory: "limit", cpu: "limit", requests: "limit", bandwidth: "limit" };
const span = { fromMs: at, toMs: at + 24 * hour, most: 288 };

describe("thinning", () => {
  test("keeps sums and maxima of whole groups", () => {
    const thinned = thin(day, 288);
    expect(thinned).toHaveLength(288);
    const sum = (points: typeof day) => points.reduce((total, point) => total + point.requests, 0);
    expect(sum(thinned)).toBe(sum(day));
    expect(Math.max(...thinned.map((p) => p.memoryBytes.max!))).toBe(
      Math.max(...day.map((p) => p.memoryBytes.max!)),
    );
    expect(thin(day.slice(0, 5), 288)).toHaveLength(5);
  });

  test("no half-filled group looks like a dip", () => {
    const flat = day.slice(0, 103).map((point) => ({ ...point, requests: 10 }));
    expect(new Set(thin(flat, 10).map((point) => point.requests)).size).toBe(1);
  });

  test("figures that were never measured stay null", () => {
    const still = day.slice(0, 20).map((point) => ({
      ...point,
      memoryBytes: { avg: null, max: null },
      cpuPercent: { avg: null, max: null },
      cpuSeconds: null,
      responseMs: { avg: null, p50: null, p95: null, p99: null },
    }));
    expect(merge(still).memoryBytes).toEqual({ avg: null, max: null });
    expect(merge(still).cpuSeconds).toBeNull();
    expect(merge(still).responseMs.avg).toBeNull();
    expect(merge([]).requests).toBe(0);
  });

  test("response times are weighted by requests", () => {
    const [a, b] = [day[0]!, day[1]!];
    const merged = merge([
      { ...a, requests: 1, responseMs: { ...a.responseMs, avg: 100 } },
      { ...b, requests: 9, responseMs: { ...b.responseMs, avg: 10 } },
    ]);
    expect(merged.responseMs.avg).toBeCloseTo(19);
  });

  test("buckets are aligned to the clock", () => {
    const rows = bucketed(fakeUsage(at + 90_000, at + 3 * hour, 30_000), hour);
    expect(rows.map((row) => Date.parse(row.at))).toEqual([at, at + hour, at + 2 * hour]);
  });
});

describe("charts", () => {
  test("missing samples are a gap, not a line across", () => {
    const holed = day.filter((_, i) => i < 500 || i > 1500);
    const memory = chartsOf(holed, span, defaultLimits, words, [])[0]!;
    expect(memory.lines[0]!.values.filter((value) => value === null)).toHaveLength(1);
    expect(memory.at).toHaveLength(memory.lines[0]!.values.length);
    expect([...memory.at].sort((a, b) => a - b)).toEqual(memory.at);
  });

  test("rates are per minute and second whatever the distance of points", () => {
    const steady = day.map((point) => ({ ...point, requests: 5, bytesOut: 3000 }));
    for (const most of [2880, 288, 24]) {
      const charts = chartsOf(steady, { ...span, most }, defaultLimits, words, []);
      expect(charts[2]!.lines[0]!.values[3]).toBeCloseTo(10);
      expect(charts[3]!.lines[0]!.values[3]).toBeCloseTo(100);
    }
  });

  test("the limit is inside the field unless it is far above", () => {
    const [memory, cpu, requests] = chartsOf(
      day,
      span,
      { ...defaultLimits, memoryBytes: 128 * 2 ** 20 },
      words,
      [],
    );
    expect(chartScale(memory!).limitInside).toBe(true);
    expect(chartScale(memory!).top).toBeGreaterThan(128 * 2 ** 20);
    expect(chartScale(cpu!).limitInside).toBe(true);
    expect(chartScale(requests!).limitInside).toBe(false);
    expect(chartScale(requests!).top).toBeLessThan(100);
  });

  test("nothing measured is no chart", () => {
    expect(chartsOf([], span, defaultLimits, words, []).map(hasFigures)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test("ticks are few and round", () => {
    expect(ticks(140 * 2 ** 20, "bytes").map((value) => value / 2 ** 20)).toEqual([32, 64, 96, 128]);
    expect(ticks(0.55, "cores").map((value) => Number(value.toFixed(2)))).toEqual([0.2, 0.4]);
    for (const top of [1e-9, 0.003, 7, 999, 12_345, 5e9])
      for (const unit of ["bytes", "cores", "perMinute", "bytesPerSecond"] as const) {
        expect(ticks(top, unit).length).toBeLessThanOrEqual(4);
        expect(ticks(top, unit).length).toBeGreaterThan(0);
      }
  });

  test("releases inside the span are marked, in order", () => {
    const releases = [31, 30, 29].map((n) => fakeRelease(n, `dep_${n}`, n === 31));
    const fromMs = Date.parse(releases[1]!.createdAt);
    expect(releaseMarks(releases, fromMs, Date.now()).map((mark) => mark.label)).toEqual([
      "release 30",
      "release 31",
    ]);
  });
});

describe("ranges", () => {
  test("a young site is read by samples over any range, since one hour's figures make no line", () => {
    for (const name of ["1h", "24h", "7d", "30d"])
      expect(readingOf(rangeNamed(name), at, 5, at - hour / 2)).toEqual({
        resolution: "raw",
        fromMs: at - hour / 2,
      });
    expect(readingOf(rangeNamed("7d"), at, 5, at - 5 * hour).resolution).toBe("hour");
  });

  test("samples too dense for a day are read as hours; the last hour stays on samples", () => {
    expect(readingOf(rangeNamed("24h"), at, 30, 0).resolution).toBe("raw");
    expect(readingOf(rangeNamed("24h"), at, 5, 0)).toEqual({ resolution: "hour", fromMs: at - 24 * hour });
    expect(readingOf(rangeNamed("1h"), at, 1, 0)).toEqual({ resolution: "raw", fromMs: at - 2_900_000 });
    expect(readingOf(rangeNamed("30d"), at, 30, 0).resolution).toBe("hour");
    expect(rangeNamed("nonsense").name).toBe("24h");
  });

  test("a young site is shown by its last hour", () => {
    expect(overviewRange(at - hour, at).name).toBe("1h");
    expect(overviewRange(at - 30 * hour, at).name).toBe("24h");
    expect(drawnFrom(at - hour, at - 20 * 60_000, at)).toBe(at - 20 * 60_000);
    expect(drawnFrom(at - hour, at - 1000, at)).toBe(at - 5 * 60_000);
    expect(drawnFrom(at - hour, at - 30 * hour, at)).toBe(at - hour);
  });

  test("the distance of points is the usual one", () => {
    expect(spacingMs(day.filter((_, i) => i % 50 !== 0))).toBe(30_000);
    expect(spacingMs(day.slice(0, 1))).toBeNull();
  });
});
