import { expect, test } from "bun:test";
import { createLoopWatch } from "./loop-watch.ts";

/** Time as the test says; the watch's own timer only looks. */
const withClock = (): { watch: ReturnType<typeof createLoopWatch>; pass: (ms: number) => Promise<void> } => {
  let nowMs = 1_000;
  const watch = createLoopWatch(() => nowMs);
  return {
    watch,
    async pass(ms) {
      nowMs += ms;
      await Bun.sleep(20);
    },
  };
};

test("the longest time between two looks is told once, from the first reading on", async () => {
  const { watch, pass } = withClock();
  expect(watch.read()).toEqual({ longestMs: 0, watchedMs: 0 });
  await pass(52);
  await pass(12);
  expect(watch.read()).toEqual({ longestMs: 50, watchedMs: 64 });
  await pass(7);
  expect(watch.read()).toEqual({ longestMs: 5, watchedMs: 7 });
  watch.stop();
});

test("a watch that nobody reads ends", async () => {
  const { watch, pass } = withClock();
  watch.read();
  await pass(60_001);
  // Ended: the next reading begins anew.
  expect(watch.read()).toEqual({ longestMs: 0, watchedMs: 0 });
  watch.stop();
});
