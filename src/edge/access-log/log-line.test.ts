import { expect, test } from "bun:test";
import { ascii } from "../byte-classes.ts";
import { createLineClock, put, putMs, putNumber, putReversedHex, putThree, putTime } from "./log-line.ts";

const out = new Uint8Array(1024);
const textOf = (end: number): string => Buffer.from(out.subarray(0, end)).toString("latin1");
const randomBelow = (bound: number): number => Math.floor(Math.random() * bound);

test("numbers of any size are written as they are", () => {
  const edges = [
    0,
    9,
    10,
    99,
    100,
    999,
    1e5,
    999_999,
    1e6,
    1e9,
    2 ** 31 - 1,
    2 ** 31,
    1e10,
    5e9,
    7_000_000_001,
    2 ** 53 - 1,
  ];
  const random = Array.from({ length: 2_000 }, (_, i) => randomBelow(10 ** (1 + (i % 16))));
  for (const value of [...edges, ...random]) expect(textOf(putNumber(out, 0, value))).toBe(String(value));
  for (const value of [1, 15, 16, 255, 2 ** 31, 2 ** 40 + 5, ...random.filter((n) => n > 0)])
    expect(textOf(putReversedHex(out, 0, value))).toBe([...value.toString(16)].reverse().join(""));
  for (let value = 0; value < 1000; value++)
    expect(textOf(putThree(out, 0, value))).toBe(String(value).padStart(3, "0"));
});

test("milliseconds have three digits behind the point, and are never below zero", () => {
  for (const [ms, text] of [
    [0, "0.000"],
    [-3, "0.000"],
    [Number.NaN, "0.000"],
    [0.0004, "0.000"],
    [0.0006, "0.001"],
    [1.9996, "2.000"],
    [12.345, "12.345"],
    [86_400_000.25, "86400000.250"],
  ] as const)
    expect(textOf(putMs(out, 0, ms))).toBe(text);
});

test("parts of any length are copied whole", () => {
  for (const length of [0, 1, 23, 24, 25, 300]) {
    const part = ascii("x".repeat(length));
    out.fill(0);
    expect(put(out, 3, part)).toBe(3 + length);
    expect(Buffer.from(out.subarray(3, 3 + length))).toEqual(Buffer.from(part));
    expect([out[2], out[3 + length]]).toEqual([0, 0]);
  }
});

test("times follow the clock, back and forth", () => {
  const clock = createLineClock(Date.parse("2026-03-10T12:00:00Z"));
  for (const [ms, time] of [
    [0, "2026-03-10T12:00:00.000"],
    [999.9, "2026-03-10T12:00:00.999"],
    [1_000, "2026-03-10T12:00:01.000"],
    [86_400_000, "2026-03-11T12:00:00.000"],
    [5, "2026-03-10T12:00:00.005"],
  ] as const)
    expect(textOf(putTime(out, 0, clock, ms))).toBe(`{"time":"${time}`);
});
