import { expect, test } from "bun:test";
import { bucketEnd, bucketStart, monthName } from "./time-bucket.ts";

const at = (text: string): number => Date.parse(text);

test.each([
  ["hour", "2026-03-29T01:59:59.999Z", "2026-03-29T01:00Z", "2026-03-29T02:00Z"],
  ["day", "2026-03-29T23:59:59.999Z", "2026-03-29T00:00Z", "2026-03-30T00:00Z"],
  ["month", "2028-02-29T12:00:00Z", "2028-02-01T00:00Z", "2028-03-01T00:00Z"],
  ["month", "2026-12-31T23:59:59.999Z", "2026-12-01T00:00Z", "2027-01-01T00:00Z"],
] as const)("%s of %s", (resolution, moment, start, end) => {
  expect(bucketStart(resolution, at(moment))).toBe(at(start));
  expect(bucketEnd(resolution, at(moment))).toBe(at(end));
  expect(bucketStart(resolution, at(start))).toBe(at(start));
  expect(bucketEnd(resolution, at(start))).toBe(at(end));
});

test("months are named in UTC", () => {
  expect(monthName(at("2026-03-01T00:00:00Z") - 1)).toBe("2026-02");
  expect(monthName(at("2026-03-01T00:00:00Z"))).toBe("2026-03");
});
