import { expect, test } from "bun:test";
import { atOnce, inSlices } from "./slices.ts";

function* work(steps: number): Generator<void, number> {
  let sum = 0;
  for (let step = 1; step <= steps; step++) {
    for (const untilMs = performance.now() + 0.5; performance.now() < untilMs;);
    sum += step;
    yield;
  }
  return sum;
}

test("long work lets others go on, and comes to the same result", async () => {
  let others = 0;
  const timer = setInterval(() => others++, 1);
  expect(await inSlices(work(100))).toBe(5050);
  clearInterval(timer);
  expect(others).toBeGreaterThanOrEqual(5);
  expect(atOnce(work(10))).toBe(55);
});

test("what the work throws comes out", async () => {
  const broken = (function* (): Generator<void, void> {
    yield;
    throw new Error("broken");
  })();
  expect(inSlices(broken)).rejects.toThrow("broken");
});
