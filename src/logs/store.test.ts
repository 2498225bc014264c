import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AppLogLine } from "../domain/app-log.ts";
import { silentLog } from "../domain/log.ts";
import { openLogStore } from "./log-store.ts";
import { type PageQuery, readAfter, readAll, readPage } from "./query.ts";

let dir: string;
let keep: { maxBytes: number; days: number };
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-logs-"));
  keep = { maxBytes: 100 * 1024 * 1024, days: 14 };
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const startMs = Date.parse("2026-11-20T12:00:00Z");
const line = (text: string, n = 0, changes: Partial<AppLogLine> = {}): AppLogLine => ({
  atMs: startMs + n,
  stream: "stdout",
  level: "info",
  replica: "rep_a",
  release: 3,
  process: "web",
  text,
  cut: false,
  ...changes,
});
const open = () => openLogStore({ dir, keep: async () => keep, log: silentLog });
const page = async (query: Partial<PageQuery> = {}, store = open()) => {
  const { items, ...rest } = await readPage(store, "env_1", { order: "newest", limit: 100, ...query });
  return { texts: items.map((one) => one.text), items, ...rest };
};
const files = () => readdirSync(join(dir, "env_1")).sort();

describe("a site's log", () => {
  test("gives lines back as they were, whatever is in them", async () => {
    const texts = [
      "plain",
      "",
      'quote " and \\ and \u2028',
      "\x1b[31mred\x1b[0m\0",
      "äöü 漢字 🎉",
      "\ud800 half",
      '{"p":{}}',
    ];
    const store = open();
    const log = await store.of("env_1");
    await log.append(
      texts.map((text, n) => line(text, n, { cut: n === 1, level: "error", stream: "stderr" })),
      { rep_a: "x" },
    );
    const { items } = await page({}, open());
    expect(items.map((one) => one.text)).toEqual(texts.map((text) => text.toWellFormed()).with(5, texts[5]!));
    expect(items[1]).toMatchObject({
      cut: true,
      level: "error",
      stream: "stderr",
      release: 3,
      process: "web",
    });
    expect(items[0]!.at).toBe("2026-11-20T12:00:00.000Z");
  });

  test("what a kill left half-written is cut off, with the position that belongs to what is whole", async () => {
    const log = await open().of("env_1");
    await log.append([line("one")], { rep_a: "1" });
    await log.append([line("two", 1)], { rep_a: "2" });
    const path = join(dir, "env_1", files()[0]!);
    for (const torn of [
      '{"t":1763640000000,"l":1,"s":0,"r":"rep_a","p":"web","x":"thr',
      `{"t":1763640000000,"l":1,"s":0,"r":"rep_a","p":"web","x":"three"}\n{"p":{"rep_a":"3`,
    ]) {
      appendFileSync(path, torn);
      const again = open();
      expect((await again.of("env_1")).positions).toEqual({ rep_a: "2" });
      expect((await page({}, again)).texts).toEqual(["one", "two"]);
    }
    const again = await open().of("env_1");
    await again.append([line("three", 2)], { rep_a: "3" });
    expect((await page()).texts).toEqual(["one", "two", "three"]);
    truncateSync(path, 10);
    expect((await open().of("env_1")).positions).toEqual({});
    expect(files()).toEqual([]);
  });

  const fill = async (lines: number, store = open()) => {
    const log = await store.of("env_1");
    for (let n = 0; n < lines; n += 500)
      await log.append(
        Array.from({ length: Math.min(500, lines - n) }, (_, i) =>
          line(
            `line ${n + i} of a site that says much, ${Bun.hash(String(n + i))} ${Bun.hash(`b${n + i}`)}`,
            n + i,
            {
              level: (n + i) % 100 === 0 ? "error" : "info",
            },
          ),
        ),
        { rep_a: String(n) },
      );
    return store;
  };
  const packed = async (count: number) => {
    for (let i = 0; i < 500 && files().filter((name) => name.endsWith(".zst")).length < count; i++)
      await Bun.sleep(10);
  };

  test("is cut into parts that are packed, and read through all of them in both directions", async () => {
    const store = await fill(20_000);
    await packed(2);
    expect(files().filter((name) => name.endsWith(".zst"))).toHaveLength(2);
    expect(await store.bytes("env_1")).toBeLessThan(2_400_000);
    for (const again of [store, open()]) {
      const all: string[] = [];
      for await (const one of readAll(again, "env_1", {})) if (one) all.push(one.text);
      expect(all).toHaveLength(20_000);
      for (const order of ["newest", "oldest"] as const) {
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const part = await page({ order, limit: 3_000, cursor }, again);
          if (order === "newest") seen.unshift(...part.texts);
          else seen.push(...part.texts);
          cursor = part.next ?? undefined;
        } while (cursor !== undefined);
        expect(seen).toEqual(all);
      }
    }
  });

  test("is searched by text, level, time and what printed it", async () => {
    const store = await fill(9_000);
    const log = await store.of("env_1");
    await log.append(
      [
        line("Grüße aus ÄRGER 100% [x]", 9_001, {
          replica: "rep_b",
          process: "worker",
          release: 4,
          stream: "stderr",
        }),
      ],
      { rep_b: "1" },
    );
    expect((await page({ search: "LINE 4321 of" }, store)).texts[0]).toStartWith("line 4321 of a site");
    expect((await page({ search: "LINE 4321 of", caseSensitive: true }, store)).texts).toEqual([]);
    expect((await page({ search: "line 4321 of", caseSensitive: true }, store)).texts).toHaveLength(1);
    expect((await page({ search: "ärger 100% [X]" }, store)).texts).toHaveLength(1);
    expect((await page({ search: "ÄRGER", caseSensitive: true }, store)).texts).toHaveLength(1);
    expect((await page({ search: "rep_a" }, store)).texts).toEqual([]);
    expect((await page({ search: ".*" }, store)).texts).toEqual([]);
    expect((await page({ level: "error", limit: 1000 }, store)).texts).toHaveLength(90);
    for (const filter of [
      { replica: "rep_b" },
      { process: "worker" },
      { release: 4 },
      { stream: "stderr" as const },
    ])
      expect((await page(filter, store)).texts).toEqual(["Grüße aus ÄRGER 100% [x]"]);
    const { texts } = await page({ sinceMs: startMs + 100, untilMs: startMs + 102, order: "oldest" }, store);
    expect(texts.map((text) => text.split(" ")[1])).toEqual(["100", "101", "102"]);
    expect((await page({ sinceMs: startMs + 60_000 }, store)).texts).toEqual([]);
  });

  test("keeps to its size, and lets go of what is old", async () => {
    keep.maxBytes = 1_500_000;
    const store = await fill(60_000);
    await packed(1);
    for (let i = 0; i < 400 && (await store.bytes("env_1")) > keep.maxBytes; i++) await Bun.sleep(10);
    expect(await store.bytes("env_1")).toBeLessThanOrEqual(keep.maxBytes);
    expect((await page({ limit: 1 }, store)).texts[0]).toStartWith("line 59999 ");
    const known = new Set(["env_1"]);
    const { signal } = new AbortController();
    const day = 24 * 3_600_000;
    // A day later what is open is packed; two weeks later all of it goes.
    await store.tend(known, startMs + 2 * day, signal);
    expect(files().every((name) => name.endsWith(".zst"))).toBe(true);
    await store.tend(known, startMs + 13 * day, signal);
    expect(files().length).toBeGreaterThan(0);
    await store.tend(known, startMs + 15 * day, signal);
    expect(files()).toEqual([]);
    await fill(500, store);
    await store.tend(new Set(), startMs, signal);
    expect(readdirSync(dir)).toEqual([]);
  }, 30_000);

  test("following goes on behind a place, also when its part was packed meanwhile", async () => {
    const store = await fill(500);
    const log = await store.of("env_1");
    const from = (await page({}, store)).end;
    const after = async (place: string) => {
      const texts: string[] = [];
      let behind = place;
      for await (const one of readAfter(store, "env_1", place, {})) {
        behind = one.place;
        if (one.line) texts.push(one.line.text);
      }
      return { texts, place: behind };
    };
    expect((await after(from)).texts).toEqual([]);
    await log.append([line("new", 600)], { rep_a: "n" });
    const first = await after(from);
    expect(first.texts).toEqual(["new"]);
    await log.tend(startMs + 2 * 24 * 3_600_000);
    await log.append([line("newer", 700)], { rep_a: "n" });
    expect((await after(from)).texts).toEqual(["new", "newer"]);
    expect((await after(first.place)).texts).toEqual(["newer"]);
    expect((await after("1.7")).texts).toHaveLength(501);
  });
});
