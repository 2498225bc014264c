import { expect, test } from "bun:test";
import * as format from "./format.ts";
import { slugFromImage, slugFromUrl } from "./slug-from-url.ts";

const now = Date.UTC(2026, 10, 20, 12);
const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];

test.each([
  [now, "now"],
  [now - 44_000, "now"],
  [now - 50_000, "1 min ago"],
  [now - 89 * minute, "89 min ago"],
  [now - 2 * hour, "2 h ago"],
  [now - 35 * hour, "35 h ago"],
  [now - 3 * day, "3 d ago"],
  [now - 61 * day, "20 Sep 2026"],
  [now + 5 * minute, "in 5 min"],
])("%p is %s", (at, text) => expect(format.relativeTime(at, now)).toBe(text));

test.each([
  [0, "0 ms"],
  [99.4, "99 ms"],
  [640, "0.6 s"],
  [9_970, "10 s"],
  [31_400, "31 s"],
  [59_700, "1 min"],
  [125_000, "2 min 5 s"],
  [3_840_000, "1 h 4 min"],
  [-5, "0 ms"],
])("%p ms took %s", (ms, text) => expect(format.duration(ms)).toBe(text));

test("figures stand beside what they are measured against", () => {
  const MB = 1024 * 1024;
  expect(format.bytesOf(82 * MB, 128 * MB)).toBe("82 of 128 MB");
  expect(format.bytesOf(410 * MB, 1024 * MB)).toBe("410 MB of 1 GB");
  expect(format.bytesOf(0, 128 * MB)).toBe("0 B of 128 MB");
  expect(format.percent(0, 100)).toBe(0);
  expect(format.percent(0.2, 100)).toBe(1);
  expect(format.percent(99.9, 100)).toBe(99);
  expect(format.percent(108, 100)).toBe(108);
  expect(format.percent(5, 0)).toBe(0);
});

test("numbers", () => {
  expect([3, 999, 1_200, 5_800_000, 999_600].map(format.shortCount)).toEqual([
    "3",
    "999",
    "1.2k",
    "5.8M",
    "1M",
  ]);
  expect([1, 3].map((n) => format.plural(n, "release"))).toEqual(["1 release", "3 releases"]);
  expect([0, 0.4, 10, 170, 500, 2000].map(format.cores)).toEqual(["0", "<0.01", "0.01", "0.17", "0.5", "2"]);
  expect([0.42, 12.4, 1_300].map(format.millis)).toEqual(["0.4 ms", "12 ms", "1.3 s"]);
  expect(format.sentence("it broke")).toBe("It broke.");
  expect(format.sentence("Why?")).toBe("Why?");
  expect(format.sentence("none: sites keep it")).toBe("None: sites keep it.");
  // a name stays as it is
  expect(format.sentence("postgres:17 could not be pulled")).toBe("postgres:17 could not be pulled.");
});

test.each([
  ["https://github.com/choirs/Spring_Concert.git", "spring-concert"],
  ["https://example.org/team/app/", "app"],
  ["https://example.org/a.b?ref=x#y", "a-b"],
  ["git@github.com:bikes/kitchen.git", "kitchen"],
  ["https://example.org/--weird--", "weird"],
  [`https://example.org/${"x".repeat(60)}`, "x".repeat(40)],
  ["https://example.org/...", ""],
  ["", ""],
])("%s suggests %s", (url, slug) => expect(slugFromUrl(url)).toBe(slug));

test("an image suggests its last part without tag and digest", () => {
  expect(slugFromImage("nginx:1.27")).toBe("nginx");
  expect(slugFromImage("registry.example.org:5000/team/web-shop:2")).toBe("web-shop");
  expect(slugFromImage(`app@sha256:${"a".repeat(64)}`)).toBe("app");
});
