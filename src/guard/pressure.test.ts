import { expect, test } from "bun:test";
import { defaultGuardSettings, type HostFigures } from "../domain/guard.ts";
import { GB, MB } from "../domain/size.ts";
import { createPressureWatch } from "./pressure.ts";

const settings = { ...defaultGuardSettings, diskFreeBytes: 2 * GB, memoryAvailableBytes: 256 * MB };
const figures = (atMs: number, change: Partial<HostFigures> = {}): HostFigures => ({
  atMs,
  disk: { folder: "/data", freeBytes: 50 * GB, totalBytes: 80 * GB },
  memory: { availableBytes: 2 * GB, totalBytes: 4 * GB, swapFreeBytes: 0 },
  ...{ cpuBusyPercent: 20, cpuStalledPercent: 5, memoryStalledPercent: 0, ioStalledPercent: 2 },
  ...change,
});
const busy = { cpuBusyPercent: 99, cpuStalledPercent: 90 };
const disk = (freeBytes: number) => ({ disk: { folder: "/data", freeBytes, totalBytes: 80 * GB } });

/** What is under pressure at each second. */
const run = (changes: Partial<HostFigures>[]): string[] => {
  const watch = createPressureWatch();
  return changes.map((change, second) =>
    watch
      .note(figures(second * 1000, change), settings)
      .pressures.map(({ kind, urgent }) => (urgent ? `${kind}!` : kind))
      .join(),
  );
};

test("processors are overloaded only when they are so for a while, and work waits for them", () => {
  expect(run(Array(11).fill(busy)).join("|")).toBe("||||||||||cpu");
  // A site that is held to its limit waits, too: that alone is no pressure.
  expect(run(Array(30).fill({ cpuBusyPercent: 60, cpuStalledPercent: 99 })).join("")).toBe("");
  // A quiet second in between does not begin the time anew, a quiet while does.
  expect(run([...Array(6).fill(busy), {}, ...Array(4).fill(busy)]).at(-1)).toBe("cpu");
  expect(run([...Array(6).fill(busy), {}, {}, {}, {}, {}, ...Array(9).fill(busy)]).at(-1)).toBe("");
});

test("pressure ends a little below its bound, and not at the first calm second", () => {
  const nearly = { cpuBusyPercent: 92, cpuStalledPercent: 57 };
  const seen = run([...Array(11).fill(busy), ...Array(10).fill(nearly), {}, {}, {}, {}, {}]);
  expect(seen.slice(10)).toEqual([...Array(11).fill("cpu"), "cpu", "cpu", "cpu", "", ""]);
});

test("little memory and little disk do not wait long", () => {
  const low = { memory: { availableBytes: 100 * MB, totalBytes: 4 * GB, swapFreeBytes: 0 } };
  expect(run([low, low, low])).toEqual(["", "", "memory"]);
  expect(
    run([{ memoryStalledPercent: 50 }, { memoryStalledPercent: 50 }, { memoryStalledPercent: 50 }]),
  ).toEqual(["", "", "memory"]);
});

test("a disk that is written full at gigabytes a second does not wait for the bound", () => {
  expect(run([disk(15 * GB), disk(13 * GB), disk(11 * GB), disk(9 * GB)])).toEqual([
    "",
    "",
    "disk!",
    "disk!",
  ]);
  // A burst is not a pace.
  expect(run([disk(15 * GB), disk(13 * GB), disk(13 * GB), disk(11 * GB)]).join("")).toBe("");
  // As fast, but with much left.
  expect(run([disk(50 * GB), disk(48 * GB), disk(46 * GB)]).join("")).toBe("");
});

test("an hour that the machine stood still is no pressure, and figures that are not there are none", () => {
  const watch = createPressureWatch();
  watch.note(figures(0, disk(10 * GB)), settings);
  const later = watch.note(figures(3_600_000, disk(8 * GB)), settings);
  expect(later.pressures).toEqual([]);
  const nothing = { disk: null, memory: null, cpuBusyPercent: null, cpuStalledPercent: null };
  expect(
    run(Array(5).fill({ ...nothing, memoryStalledPercent: null, ioStalledPercent: null })).join(""),
  ).toBe("");
});

test("100 percent means never", () => {
  const watch = createPressureWatch();
  const all = { ...settings, cpuStalledPercent: 100, ioStalledPercent: 100, memoryStalledPercent: 100 };
  const full = {
    cpuBusyPercent: 100,
    cpuStalledPercent: 100,
    ioStalledPercent: 100,
    memoryStalledPercent: 100,
  };
  for (let second = 0; second < 30; second++)
    expect(watch.note(figures(second * 1000, full), all).pressures).toEqual([]);
});
