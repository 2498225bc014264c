import { expect, test } from "bun:test";
import { createLoopWatch, openLoopClock } from "./loop-watch.ts";

/** Time as the test says; the watch's own timer only looks. */
const withClock = () => {
  const time = { nowMs: 1_000, queuedMs: 300, open: 0 };
  const watch = createLoopWatch(() => {
    time.open++;
    return { now: () => time.nowMs, queuedMs: () => time.queuedMs, close: () => time.open-- };
  });
  const pass = async (ms: number, queuedMs = 0): Promise<void> => {
    time.nowMs += ms;
    time.queuedMs += queuedMs;
    await Bun.sleep(20);
  };
  return { watch, pass, time };
};

test("the longest time between two looks is told once, from the first reading on", async () => {
  const { watch, pass, time } = withClock();
  expect(watch.read()).toEqual({ longestMs: 0, watchedMs: 0 });
  await pass(52);
  await pass(12);
  expect(watch.read()).toEqual({ longestMs: 50, watchedMs: 64 });
  await pass(7);
  expect(watch.read()).toEqual({ longestMs: 5, watchedMs: 7 });
  watch.stop();
  expect(time.open).toBe(0);
});

test("waiting for a busy machine does not count", async () => {
  const { watch, pass } = withClock();
  watch.read();
  await pass(52, 45);
  expect(watch.read()).toEqual({ longestMs: 5, watchedMs: 52 });
  watch.stop();
});

test("a watch that nobody reads ends", async () => {
  const { watch, pass, time } = withClock();
  watch.read();
  await pass(60_001);
  expect(time.open).toBe(0);
  // The next reading begins anew.
  expect(watch.read()).toEqual({ longestMs: 0, watchedMs: 0 });
  watch.stop();
});

test("the kernel tells how long the process waited for the machine", () => {
  const clock = openLoopClock();
  const before = clock.queuedMs();
  expect(before).toBeGreaterThanOrEqual(0);
  for (const endMs = clock.now() + 30; clock.now() < endMs;);
  expect(clock.queuedMs()).toBeGreaterThanOrEqual(before);
  clock.close();
});
