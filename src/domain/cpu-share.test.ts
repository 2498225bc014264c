import { expect, test } from "bun:test";
import { burstCeiling, cpuSharesOf, cpuWeightsOf, holdsShares } from "./cpu-share.ts";

test("a core is worth 1024 shares, within what the kernel takes", () => {
  expect([1000, 500, 1, 400_000].map(cpuSharesOf)).toEqual([1024, 512, 2, 262_144]);
});

test("both ways in which runtimes make a weight of shares are known, ends included", () => {
  expect(cpuWeightsOf(1024)).toEqual([39, 100]);
  expect(cpuWeightsOf(2)).toEqual([1, 1]);
  expect(cpuWeightsOf(262_144)).toEqual([10_000, 10_000]);
});

test("a share that is read back agrees or not, whichever figure the kernel has; none at all is no drift", () => {
  expect(holdsShares({ cpuShares: 512 }, 512)).toBe(true);
  expect(holdsShares({ cpuShares: 2 }, 512)).toBe(false);
  expect(holdsShares({ cpuWeight: 39 }, 1024)).toBe(true);
  expect(holdsShares({ cpuWeight: 100 }, 1024)).toBe(true);
  expect(holdsShares({ cpuWeight: 50 }, 1024)).toBe(false);
  expect(holdsShares({ cpuShares: null }, 512)).toBe(true);
  expect(holdsShares({}, 512)).toBe(true);
});

test("a burst ends at four times the limit or at the host's cores, and is never less than the limit", () => {
  expect(burstCeiling(500, 8)).toBe(2000);
  expect(burstCeiling(500, 1)).toBe(1000);
  expect(burstCeiling(4000, 2)).toBe(4000);
});
