import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AppLogLine } from "../domain/app-log.ts";
import { type Actor, type SiteAction } from "../domain/actor.ts";
import { silentLog } from "../domain/log.ts";
import type { AuditEntryRecord } from "../domain/records.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import type { Collector } from "./collector.ts";
import { openLogStore } from "./log-store.ts";
import { searchLimit } from "./search-limit.ts";
import { downloadSiteLog, readSiteLog, type SiteLogsDeps } from "./site-logs.ts";

let dir: string;
let deps: SiteLogsDeps;
let isOn: boolean;
let asked: SiteAction[];
let audited: AuditEntryRecord[];
const clock = fakeClock();

const line = (text: string, changes: Partial<AppLogLine> = {}): AppLogLine => ({
  atMs: clock.nowMs(),
  stream: "stdout",
  level: "info",
  replica: "rep_a",
  release: 1,
  process: "web",
  text,
  cut: false,
  ...changes,
});
const actor: Actor = {
  kind: "user",
  userId: "usr_1",
  username: "lin",
  isAdmin: false,
  via: "session",
  ip: null,
  userAgent: null,
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-site-logs-"));
  isOn = true;
  asked = [];
  audited = [];
  deps = {
    reachSite: async (_, _slug, action) => {
      asked.push(action);
      return { environment: { id: "env_1", siteId: "site_1", name: "production" } as never };
    },
    store: openLogStore({ dir, keep: async () => ({ maxBytes: 1e8, days: 14 }), log: silentLog }),
    collector: { isOn: () => isOn } as Collector,
    unstored: {
      tail: async () => [line("from the engine"), line("ERROR from it", { level: "error" })],
      follow: async () => {},
    },
    limit: searchLimit(1),
    insertAudit: async (entry) => void audited.push(entry),
    clock,
  };
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const download = async (query: object = {}): Promise<string> =>
  (await Array.fromAsync(await downloadSiteLog(deps, actor, "blog", query))).join("");

test("a download holds nothing that a terminal would obey, says who took what, and is asked for as a deploy is", async () => {
  const log = await deps.store.of("env_1");
  await log.append(
    [line("a\x1b[31mred\x1b]0;title\x07 \x9b2J\r\ttab", { level: "error" }), line("long", { cut: true })],
    {},
  );
  const text = await download({ search: "", since: "1h" });
  expect(text).toBe(
    "2026-01-01T00:00:00.000Z web error    a[31mred]0;title 2J\ttab\n2026-01-01T00:00:00.000Z web info     long … (cut)\n",
  );
  const rows = (await download({ format: "ndjson", level: "err" })).trimEnd().split("\n");
  expect(rows.map((row) => (JSON.parse(row) as AppLogLine).text)).toEqual([
    "a\x1b[31mred\x1b]0;title\x07 \x9b2J\r\ttab",
  ]);
  expect(new Set(asked)).toEqual(new Set(["deploy"]));
  expect(
    audited.map(({ action, objectId, newValue }) => [action, objectId, JSON.parse(newValue!).format]),
  ).toEqual([
    ["logs.download", "site_1", "text"],
    ["logs.download", "site_1", "ndjson"],
  ]);
});

test("many lines are handed over piece by piece", async () => {
  const log = await deps.store.of("env_1");
  for (let n = 0; n < 20; n++)
    await log.append(
      Array.from({ length: 500 }, () => line("x".repeat(50))),
      {},
    );
  const pieces = await Array.fromAsync(await downloadSiteLog(deps, actor, "blog", {}));
  expect(pieces.length).toBeGreaterThan(5);
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(100_000);
  expect(pieces.join("").match(/\n/g)).toHaveLength(10_000);
});

test("where nothing is stored, what the engine holds is filtered the same", async () => {
  isOn = false;
  expect(await readSiteLog(deps, actor, "blog", { level: "warn" })).toMatchObject({
    items: [{ text: "ERROR from it", cursor: null }],
    next: null,
    stored: false,
  });
  expect(await download({ search: "ENGINE" })).toContain("from the engine\n");
});

test("one person's searches are bounded, another's go on", async () => {
  const first = readSiteLog(deps, actor, "blog", {});
  const [, second, other] = await Promise.allSettled([
    first,
    readSiteLog(deps, actor, "blog", {}),
    readSiteLog(deps, { ...actor, userId: "usr_2" }, "blog", {}),
  ]);
  expect(second).toMatchObject({ status: "rejected", reason: { code: "rate_limited" } });
  expect(other.status).toBe("fulfilled");
  expect((await readSiteLog(deps, actor, "blog", {})).items).toEqual([]);
});
