import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { latencyQuantile } from "../../domain/latency-histogram.ts";
import { addPaths, pathFileSchema, type PathSums } from "../../domain/path-usage.ts";
import { ascii } from "../byte-classes.ts";
import { foldPath } from "./fold-path.ts";
import {
  beginHour,
  countPath,
  createPathCounts,
  latencyOf,
  mostEntries,
  type PathCounts,
} from "./path-counts.ts";
import { createPathStore, pathFolder, prunePaths } from "./path-store.ts";
import { createSeenPaths, entryFor, type SeenPaths, seePath } from "./seen-paths.ts";

describe("patterns", () => {
  test.each([
    ["/", "/"],
    ["/users/123/posts/6f9619ff-8b86-d011-b42d-00cf4fc964ff", "/users/:id/posts/:id"],
    ["/users/ada@example.org/edit", "/users/:email/edit"],
    ["/users/ada%40example.org", "/users/:email"],
    ["/commit/3f2a91bc", "/commit/:id"],
    ["/commit/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "/commit/:id"],
    ["/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", "/reset/:id"],
    ["/watch/dQw4w9WgXcQ", "/watch/:id"],
    ["/o/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/o/:id"],
    ["/orders/order_10293/pay", "/orders/order_:id/pay"],
    ["/archive/2024/11/05", "/archive/:id/:id/:id"],
    ["/archive/2024-11-05", "/archive/:id"],
    ["/map/52.5200,13.4050", "/map/:id"],
    ["/img/20931.jpg", "/img/:id.jpg"],
    ["/assets/index-BxK3a9Qz.js", "/assets/index-:id.js"],
    ["/assets/app.3f2a91bc.css", "/assets/app.:id.css"],
    ["/page;jsessionid=1A530637289A03B07199A44E8D531427", "/page"],
    [`/q/${"word ".repeat(20).trim().replaceAll(" ", "-")}`, "/q/:long"],
    // what is no id stays
    ["/blog/how-to-build-a-house-in-10-days", "/blog/how-to-build-a-house-in-10-days"],
    ["/api/v1/sites", "/api/v1/sites"],
    ["/wp-admin/admin-ajax.php", "/wp-admin/admin-ajax.php"],
    ["/facade/decade/added", "/facade/decade/added"],
    ["/.well-known/security.txt", "/.well-known/security.txt"],
    ["/node_modules/jquery.min.js", "/node_modules/jquery.min.js"],
    ["/produits/%C3%A9t%C3%A9", "/produits/%C3%A9t%C3%A9"],
    ["/robots.txt", "/robots.txt"],
    ["*", "*"],
    ["//", "//"],
  ])("%s is %s", (path, pattern) => expect(foldPath(path)).toBe(pattern));

  test("however long a path is, its pattern is short, and is found in no time", () => {
    for (const path of [
      `/${"a".repeat(15_000)}`,
      "/a".repeat(7_000),
      `/${"a1".repeat(7_000)}`,
      "/".repeat(15_000),
      `/${"a-".repeat(7_000)}`,
      `/${"%40.".repeat(4_000)}`,
      `/${"%40.".repeat(31)}`.repeat(100),
    ]) {
      expect(foldPath(path).length).toBeLessThanOrEqual(161);
    }
  });
});

const lineOf = (method: string, target: string): Uint8Array =>
  ascii(`${method} ${target} HTTP/1.1\r\nHost: a\r\n`);
const ask = (
  seen: SeenPaths,
  counts: PathCounts,
  target: string,
  ms = 5,
  status = 200,
  method = "GET",
): void => countPath(entryFor(seePath(seen, counts, lineOf(method, target)), counts), status, 100, 1_000, ms);

test("requests are counted by method and pattern; the query is no part of it", () => {
  const seen = createSeenPaths();
  const counts = createPathCounts();
  for (const id of [1, 22, 333]) ask(seen, counts, `/users/${id}?token=secret`, 10 * id);
  ask(seen, counts, "/users/1", 5, 503, "DELETE");
  ask(seen, counts, "/users/1", 5, 404, "BREW");
  countPath(entryFor(seePath(seen, counts, lineOf("GET", "/live")), counts), 101, 7, 9, null);
  expect([...counts.entries.keys()]).toEqual([
    "GET /users/:id",
    "DELETE /users/:id",
    "OTHER /users/:id",
    "GET /live",
  ]);
  const entry = counts.entries.get("GET /users/:id")!;
  expect(entry).toMatchObject({
    requests: 3,
    status2xx: 3,
    bytesIn: 300,
    bytesOut: 3_000,
    latencySumMs: 3_560,
  });
  expect(Math.abs(latencyQuantile(latencyOf(entry), 0.5)! - 220)).toBeLessThan(220 * 0.02);
  expect(counts.entries.get("DELETE /users/:id")).toMatchObject({ status5xx: 1 });
  expect(counts.entries.get("GET /live")).toMatchObject({ requests: 1, status2xx: 0, latencySumMs: 0 });
  expect(latencyQuantile(latencyOf(counts.entries.get("GET /live")!), 0.5)).toBeNull();
});

test("a path is told from another route's and method's with the same bytes, and one that is very long is counted, too", () => {
  const seen = createSeenPaths();
  const one = createPathCounts();
  const other = createPathCounts();
  for (let i = 0; i < 3; i++) {
    ask(seen, one, "/a");
    ask(seen, other, "/a");
    ask(seen, one, "/a", 5, 200, "POST");
    ask(seen, one, `/${"long/".repeat(3_000)}`);
  }
  expect([...one.entries.values()].map(({ requests }) => requests)).toEqual([3, 3, 3]);
  expect(other.entries.get("GET /a")!.requests).toBe(3);
});

const word = (n: number): string => {
  let text = "";
  for (let left = n + 1; left > 0; left = Math.floor(left / 20)) text += "bcdfghjklmnpqrstvwxz"[left % 20]!;
  return text;
};

test("a million distinct paths neither grow the memory nor push out what is asked for", () => {
  const seen = createSeenPaths();
  const counts = createPathCounts();
  const real = Array.from({ length: 60 }, (_, i) => `/real/${word(i)}a`);
  // Some are there before, some come while it goes on.
  for (const path of real.slice(0, 40)) for (let i = 0; i < 20; i++) ask(seen, counts, path);
  for (let i = 0; i < 20_000; i++) ask(seen, counts, `/${word(i)}/${word(i * 7)}`, 1, 404);
  Bun.gc(true);
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 1_000_000; i++) {
    ask(seen, counts, `/${word(i)}/${word(i * 7)}`, 1, 404);
    if (i % 500 === 0) for (const path of real) ask(seen, counts, path);
  }
  Bun.gc(true);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(4 * 1024 * 1024);
  expect(counts.entries.size).toBe(mostEntries);
  expect(seen.length).toBe(4096);
  // Those of before lost not one request, those that came in the middle of it only their first ones.
  for (const path of real.slice(0, 40)) expect(counts.entries.get(`GET ${path}`)?.requests).toBe(2_020);
  const late = real.slice(40).map((path) => counts.entries.get(`GET ${path}`)?.requests ?? 0);
  expect(Math.min(...late)).toBeGreaterThan(1_900);
  let sum = counts.other.requests;
  for (const entry of counts.entries.values()) sum += entry.requests;
  expect(sum).toBe(40 * 20 + 20_000 + 1_000_000 + 60 * 2_000);
}, 60_000);

test("a new hour counts from zero; who is asked for keeps the place, who is not loses it", () => {
  const seen = createSeenPaths();
  const counts = createPathCounts();
  for (let i = 0; i < 10; i++) ask(seen, counts, "/often");
  beginHour(counts);
  ask(seen, counts, "/often");
  ask(seen, counts, "/new");
  expect([...counts.entries].map(([key, { requests }]) => [key, requests])).toEqual([
    ["GET /often", 1],
    ["GET /new", 1],
  ]);
  expect(latencyOf(counts.entries.get("GET /often")!).reduce((sum, n) => sum + n, 0)).toBe(1);
  beginHour(counts);
  beginHour(counts);
  expect(counts.entries.size).toBe(0);
  // What was remembered of it by its bytes finds the way back.
  ask(seen, counts, "/often");
  expect(counts.entries.get("GET /often")!.requests).toBe(1);
});

describe("on the disk", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "croft-paths-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const hourMs = Date.parse("2026-03-10T12:00:00Z");

  test("an hour is a file that says the same however often it is read, and is replaced as a whole", async () => {
    const seen = createSeenPaths();
    const counts = new Map([
      ["env_1", createPathCounts()],
      ["env_2", createPathCounts()],
    ]);
    const store = createPathStore(dir, "77-1-abc");
    await store.save(hourMs, counts);
    // nothing was asked for: nothing to say
    expect(() => readdirSync(pathFolder(dir))).toThrow();
    ask(seen, counts.get("env_1")!, "/a", 12);
    await store.save(hourMs, counts);
    ask(seen, counts.get("env_1")!, "/a", 14);
    store.saveNow(hourMs, counts);
    const [name, ...others] = readdirSync(pathFolder(dir));
    expect([name, others]).toEqual([`${hourMs}-77-1-abc.json`, []]);
    const file = pathFileSchema.parse(JSON.parse(readFileSync(join(pathFolder(dir), name!), "utf8")));
    expect(Object.keys(file.routes)).toEqual(["env_1"]);
    const sums: PathSums = new Map();
    addPaths(sums, file.routes.env_1!);
    expect(sums.get("GET /a")).toMatchObject({ requests: 2, bytesOut: 2_000, latencySumMs: 26 });
    expect(latencyQuantile(sums.get("GET /a")!.latency, 1)!).toBeGreaterThan(13.7);
  });

  test("at an hour's end each request is in one of the two hours, also those that come while it is saved", async () => {
    const seen = createSeenPaths();
    const counts = new Map(Array.from({ length: 400 }, (_, i) => [`env_${i}`, createPathCounts()] as const));
    const pages = Array.from({ length: 60 }, (_, i) => `/${word(i)}`);
    let asked = 0;
    const askAll = (): void => {
      for (const one of counts.values()) {
        ask(seen, one, pages[asked % pages.length]!);
        asked++;
      }
    };
    for (let i = 0; i < 60; i++) askAll();
    const store = createPathStore(dir, "77-1-abc");
    let over = false;
    const saving = store.save(hourMs, counts, beginHour).then(() => (over = true));
    while (!over) {
      askAll();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await saving;
    store.saveNow(hourMs + 3_600_000, counts);
    const requests = readdirSync(pathFolder(dir)).map((name) => {
      const { routes } = pathFileSchema.parse(JSON.parse(readFileSync(join(pathFolder(dir), name), "utf8")));
      return Object.values(routes)
        .flat()
        .reduce((sum, path) => sum + path[2], 0);
    });
    expect(requests).toHaveLength(2);
    expect(requests[0]! + requests[1]!).toBe(asked);
    expect(requests[1]).toBeGreaterThan(0);
  }, 30_000);

  test("what no daemon takes is gone after nine days", async () => {
    const counts = new Map([["env_1", createPathCounts()]]);
    ask(createSeenPaths(), counts.get("env_1")!, "/a");
    const store = createPathStore(dir, "77-1-abc");
    store.saveNow(hourMs, counts);
    store.saveNow(hourMs + 24 * 3_600_000, counts);
    writeFileSync(join(pathFolder(dir), "note"), "");
    await prunePaths(dir, hourMs + 9.5 * 24 * 3_600_000);
    expect(readdirSync(pathFolder(dir)).sort()).toEqual([`${hourMs + 24 * 3_600_000}-77-1-abc.json`, "note"]);
  });
});
