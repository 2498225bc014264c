import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emptyLatency, latencyText } from "../domain/latency-histogram.ts";
import { type Log, silentLog } from "../domain/log.ts";
import { addPaths, pathView, type PathHour, type PathSums, topPaths } from "../domain/path-usage.ts";
import { hourMs } from "../domain/time-bucket.ts";
import { openPathHours } from "./path-hours.ts";

const noon = Date.parse("2026-03-10T12:00:00Z");
const never = new AbortController().signal;
let dir: string;
let folder: string;
let store: ReturnType<typeof openPathHours>;
let warnings: string[];
const open = (log: Log = silentLog) => openPathHours(join(dir, "paths.db"), folder, { log });

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-hours-"));
  folder = join(dir, "path-counts");
  mkdirSync(folder);
  warnings = [];
  store = open({ ...silentLog, warn: (message) => void warnings.push(message) });
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true });
});

const row = (method: string, pattern: string, requests: number, bucket = 200): PathHour[0] => [
  method,
  pattern,
  requests,
  requests,
  0,
  0,
  0,
  10 * requests,
  20 * requests,
  30 * requests,
  latencyText(emptyLatency().with(bucket, requests)),
];
const leave = (hour: number, process: string, routes: Record<string, PathHour>): void =>
  writeFileSync(join(folder, `${hour}-${process}.json`), JSON.stringify({ hourMs: hour, routes }));
const requests = async (
  fromMs = 0,
  toMs = noon + 100 * hourMs,
  id = "env_1",
): Promise<Record<string, number>> => {
  const sums: PathSums = new Map();
  for (const hour of await store.between(id, fromMs, toMs)) addPaths(sums, hour);
  return Object.fromEntries([...sums.values()].map((sum) => [sum.pattern, sum.requests]));
};

test("what processes leave is summed, before it is taken in, meanwhile and after, and never twice", async () => {
  leave(noon, "1-1-a", { env_1: [row("GET", "/a", 3), row("", "", 4)], env_2: [row("GET", "/x", 1)] });
  leave(noon, "2-1-a", { env_1: [row("GET", "/a", 5), row("GET", "/b", 1)] });
  leave(noon + hourMs, "1-1-a", { env_1: [row("GET", "/a", 100)] });
  const all = { "/a": 108, "": 4, "/b": 1 };
  expect(await requests()).toEqual(all);
  expect(await store.takeIn(noon + hourMs, never)).toBe(2);
  expect(readdirSync(folder)).toEqual([`${noon + hourMs}-1-1-a.json`]);
  expect(await requests()).toEqual(all);
  expect(await requests(noon + hourMs)).toEqual({ "/a": 100 });
  expect(await requests(0, noon)).toEqual({});
  expect(await requests(0, Infinity, "env_2")).toEqual({ "/x": 1 });
  // Killed between the row and the removal: the file is there again, and counts no more.
  leave(noon, "1-1-a", { env_1: [row("GET", "/a", 3)] });
  expect(await requests()).toEqual(all);
  store.close();
  store = open();
  expect(await store.takeIn(noon + hourMs, never)).toBe(1);
  expect(await requests()).toEqual(all);
  // A process that was late with its hour.
  leave(noon, "3-1-a", { env_1: [row("GET", "/a", 1)] });
  await store.takeIn(noon + 2 * hourMs, never);
  expect(await requests()).toEqual({ ...all, "/a": 109 });
});

test("an hour keeps the hundred that were asked for most, and the sum of the others", async () => {
  leave(noon, "1-1-a", { env_1: Array.from({ length: 130 }, (_, i) => row("GET", `/${i}`, 1000 - i)) });
  leave(noon, "2-1-a", { env_1: [row("GET", "/129", 5_000)] });
  await store.takeIn(noon + hourMs, never);
  const sums: PathSums = new Map();
  for (const hour of await store.between("env_1", 0, Infinity)) addPaths(sums, hour);
  expect(sums.size).toBe(101);
  const { top, other } = topPaths(sums, 2);
  expect(top.map((sum) => sum.pattern)).toEqual(["/129", "/0"]);
  const total = Array.from({ length: 130 }, (_, i) => 1000 - i).reduce((a, b) => a + b, 0) + 5_000;
  expect(other!.requests).toBe(total - 5_871 - 1_000);
  expect(pathView(top[1]!)).toMatchObject({
    requests: 1000,
    status: { "2xx": 1000 },
    bytesIn: 10_000,
    responseMs: { avg: 30 },
  });
});

test("old hours go", async () => {
  for (let hours = 0; hours < 5; hours++)
    leave(noon + hours * hourMs, "1-1-a", { env_1: [row("GET", "/a", 1)] });
  await store.takeIn(noon + 5 * hourMs, never);
  expect(store.deleteBefore(noon + 3 * hourMs)).toBe(3);
  expect(await requests()).toEqual({ "/a": 2 });
});

test("nothing in the edge's folder is believed: links, other files, wrong shapes, wrong names", async () => {
  writeFileSync(
    join(dir, "secret"),
    JSON.stringify({ hourMs: noon, routes: { env_1: [row("GET", "/secret", 1)] } }),
  );
  symlinkSync(join(dir, "secret"), join(folder, `${noon}-1-1-a.json`));
  mkdirSync(join(folder, `${noon}-2-1-a.json`));
  writeFileSync(join(folder, `${noon}-3-1-a.json`), "{");
  writeFileSync(
    join(folder, `${noon}-4-1-a.json`),
    JSON.stringify({ hourMs: noon, routes: { env_1: [[1]] } }),
  );
  leave(noon + 1, "5-1-a", { env_1: [row("GET", "/between", 1)] });
  writeFileSync(join(folder, `${noon}-6-1-a.json.new`), "half");
  // it says another hour than its name does
  writeFileSync(
    join(folder, `${noon}-7-1-a.json`),
    JSON.stringify({ hourMs: 0, routes: { env_1: [row("GET", "/z", 1)] } }),
  );
  leave(noon, "8-1-a", { env_1: [row("GET", "/b", 1)], "no id": [] });
  leave(noon, "9-1-a", Object.fromEntries(Array.from({ length: 50_001 }, (_, i) => [`env_${i}`, []])));
  expect(await requests()).toEqual({});
  await store.takeIn(noon + hourMs, never);
  expect(await requests()).toEqual({});
  expect(warnings).toHaveLength(6);
  expect(existsSync(join(dir, "secret"))).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(
    [`${noon + 1}-5-1-a.json`, `${noon}-2-1-a.json`, `${noon}-6-1-a.json.new`].sort(),
  );
});

test("a broken file is begun anew", async () => {
  leave(noon, "1-1-a", { env_1: [row("GET", "/a", 1)] });
  await store.takeIn(noon + hourMs, never);
  store.close();
  for (const name of readdirSync(dir).filter((name) => name.startsWith("paths.db")))
    writeFileSync(
      join(dir, name),
      "no database at all, but longer than a header of one hundred bytes".repeat(40),
    );
  const errors: string[] = [];
  store = open({ ...silentLog, error: (message) => void errors.push(message) });
  expect(errors).toHaveLength(1);
  expect(await requests()).toEqual({});
});
