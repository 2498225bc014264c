import { expect, test } from "bun:test";
import { blame } from "./follow-replica.ts";

const row = { id: "rep_1" };
const ended = (exitCode: number, change: { oomKilled?: boolean; finishedAtMs?: number } = {}) => ({
  ...{ exitCode, oomKilled: false, finishedAtMs: 100_000 },
  ...change,
});
const seen = (atMs: number) => ({ memoryKills: new Map([["rep_1", { atMs, told: true }]]) });
const unseen = () => ({ memoryKills: new Map() });

test("killed at the moment at which the kernel killed something in it: out of memory", () => {
  expect(blame(seen(99_990), row, ended(137))).toEqual([true, true]);
});

test("one of its processes was killed, and the app ended by itself because of it: no kill of the app, but said", () => {
  expect(blame(seen(98_000), row, ended(1))).toEqual([false, true]);
});

test("a kill long ago that the app survived is not to blame, whatever Docker's flag still says", () => {
  expect(blame(seen(40_000), row, ended(137, { oomKilled: true }))).toEqual([false, false]);
  expect(blame(seen(40_000), row, ended(0, { oomKilled: true }))).toEqual([false, false]);
});

test("where nobody saw when, Docker's flag tells, of what was killed", () => {
  expect(blame(unseen(), row, ended(137, { oomKilled: true }))).toEqual([true, true]);
  expect(blame(unseen(), row, ended(137))).toEqual([false, false]);
});

test("it is asked once: what comes after begins anew", () => {
  const state = seen(99_990);
  blame(state, row, ended(137));
  expect(state.memoryKills.size).toBe(0);
});
