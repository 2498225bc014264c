import { expect, test } from "bun:test";
import { restartPauseMs } from "./back-off.ts";

test("pauses double from one second to five minutes", () => {
  expect([1, 2, 3, 4].map(restartPauseMs)).toEqual([1000, 2000, 4000, 8000]);
  expect(restartPauseMs(9)).toBe(256_000);
  expect(restartPauseMs(10)).toBe(300_000);
  expect(restartPauseMs(1000)).toBe(300_000);
});
