import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPathHours } from "../db/path-hours.ts";
import type { AccessLine } from "../domain/access-log.ts";
import { type Actor, type SiteAction, systemActor } from "../domain/actor.ts";
import { emptyLatency, latencyText } from "../domain/latency-histogram.ts";
import { silentLog } from "../domain/log.ts";
import { hourMs } from "../domain/time-bucket.ts";
import { openAccessLogs } from "../edge/access-log/read-log.ts";
import { logFolder, segmentAt, segmentName } from "../edge/access-log/segments.ts";
import { pathFolder } from "../edge/paths/path-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { combinedLog, followAccessLog, readAccessLog } from "./access-log.ts";
import type { LogEntry, RequestDeps } from "./deps.ts";
import { keepPaths, listTopPaths } from "./top-paths.ts";

let dir: string;
let deps: RequestDeps;
let asked: { action: SiteAction; environment: string | undefined }[];
let close: () => void;
const actor: Actor = systemActor("test");
const never = new AbortController().signal;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-requests-"));
  asked = [];
  const paths = openPathHours(join(dir, "paths.db"), pathFolder(dir), { log: silentLog });
  close = () => paths.close();
  deps = {
    reachSite: async (_, slug, action, environment) => {
      asked.push({ action, environment });
      if (slug !== "blog") throw new Error("no such site");
      return { environment: { id: "env_1" } as never };
    },
    logs: openAccessLogs(dir),
    paths,
    clock: fakeClock(),
  };
});
afterEach(() => {
  close();
  rmSync(dir, { recursive: true });
});

const at = (ms: number): string => new Date(deps.clock.nowMs() + ms).toISOString();
const line = (id: string, changes: Partial<AccessLine> = {}): AccessLine => ({
  time: at(0),
  id,
  address: "192.0.2.0",
  method: "GET",
  path: "/",
  status: 200,
  bytesIn: 1,
  bytesOut: 2,
  ms: 3,
  protocol: "HTTP/1.1",
  tls: true,
  host: "blog.test",
  ...changes,
});
const write = (...lines: object[]): void => {
  const folder = logFolder(dir, "env_1");
  mkdirSync(folder, { recursive: true });
  appendFileSync(
    join(folder, segmentName(segmentAt(deps.clock.nowMs()))),
    `\n${lines.map((one) => `${JSON.stringify(one)}\n`).join("")}`,
  );
};
const ids = async (query: object = {}): Promise<string[]> =>
  (await readAccessLog(deps, actor, "blog", query)).items.map(({ id }) => id);

describe("the access log", () => {
  test("the newest lines that match, oldest first, with what is missing", async () => {
    write(line("1", { time: at(-7_200_000) }), line("2", { status: 404, path: "/api/a" }), {
      time: at(0),
      dropped: 4,
    });
    write(line("3", { status: 503, path: "/api/b/c", time: at(1) }), line("4", { status: 500, time: at(2) }));
    expect(await ids()).toEqual(["1", "2", "3", "4"]);
    expect(await ids({ limit: 2 })).toEqual(["3", "4"]);
    expect(await ids({ status: "5xx" })).toEqual(["3", "4"]);
    expect(await ids({ status: "404" })).toEqual(["2"]);
    expect(await ids({ path: "/api" })).toEqual(["2", "3"]);
    expect(await ids({ path: "/api/*/c" })).toEqual(["3"]);
    expect(await ids({ path: "*b*" })).toEqual(["3"]);
    expect(await ids({ path: "*/a" })).toEqual(["2"]);
    expect(await ids({ since: "1h" })).toEqual(["2", "3", "4"]);
    expect(await ids({ since: at(1) })).toEqual(["3", "4"]);
    expect((await readAccessLog(deps, actor, "blog", {})).dropped).toBe(4);
    // looking at it takes the right to deploy, as for what an app prints
    expect(new Set(asked.map(({ action }) => action))).toEqual(new Set(["deploy"]));
  });

  test("lines of two processes, out of order within a second, come by their time", async () => {
    write(line("2", { time: at(20) }), line("4", { time: at(40) }));
    write(line("1", { time: at(10) }), line("3", { time: at(30) }));
    expect(await ids()).toEqual(["1", "2", "3", "4"]);
  });

  test.each([
    [{ status: "many" }, "status"],
    [{ limit: "0" }, "limit"],
    [{ limit: "x" }, "limit"],
    [{ since: "yesterday" }, "since"],
    [{ after: "20261120T1200-000000.1\nevent: request" }, "after"],
  ])("%j is refused", async (query, field) => {
    for (const refused of [
      readAccessLog(deps, actor, "blog", query as never),
      combinedLog(deps, actor, "blog", query as never),
    ])
      expect(refused).rejects.toMatchObject({ code: "invalid_input", fields: [{ path: field }] });
  });

  test("as Combined: all of it as a stream, or the newest lines", async () => {
    write(...Array.from({ length: 2_000 }, (_, i) => line(`${i}`, { path: `/${i}`, time: at(i) })));
    const texts: string[] = [];
    for await (const text of await combinedLog(deps, actor, "blog", { path: "/1" })) texts.push(text);
    expect(texts.length).toBeGreaterThan(1);
    expect(texts.join("").match(/"GET \/1\d* HTTP\/1.1"/g)).toHaveLength(1_111);
    const [few] = await Array.fromAsync(await combinedLog(deps, actor, "blog", { limit: 2 }));
    expect(few!.match(/\/\d+ HTTP/g)).toEqual(["/1998 HTTP", "/1999 HTTP"]);
  });

  test("follows: lines of before, then each new one once, and from a place on without any", async () => {
    write(line("1"), line("2"), line("3"));
    const seen: { event: LogEntry | null; place: string }[] = [];
    const told = () =>
      seen.map(({ event }) => (event === null ? "here" : "line" in event ? event.line.id : event));
    const until = async (count: number): Promise<void> => {
      for (let i = 0; seen.length < count && i < 300; i++) await Bun.sleep(10);
      expect(seen).toHaveLength(count);
    };
    const follow = (from: string | null, query: object) => {
      const stop = new AbortController();
      const done = followAccessLog(
        deps,
        actor,
        "blog",
        query,
        from,
        async (event, place) => void seen.push({ event, place }),
        stop.signal,
      );
      return async () => {
        stop.abort();
        await done;
      };
    };
    const stop = follow(null, { limit: 2, status: "2xx" });
    await until(3);
    write(line("4"), line("no", { status: 500 }), { time: at(0), dropped: 2 });
    await until(5);
    expect(told()).toEqual(["2", "3", "here", "4", { dropped: 2 }]);
    await stop();
    write(line("5"), line("6"));
    const { place } = seen[3]!;
    seen.length = 0;
    const stopAgain = follow(place, { limit: 10 });
    await until(5);
    expect(told()).toEqual(["here", "no", { dropped: 2 }, "5", "6"]);
    await stopAgain();
  });
});

describe("top paths", () => {
  const hour = (ms: number): number => Math.floor(ms / hourMs) * hourMs;
  const leave = (hoursBack: number, pattern: string, requests: number): void => {
    const start = hour(deps.clock.nowMs()) - hoursBack * hourMs;
    mkdirSync(pathFolder(dir), { recursive: true });
    const latency = latencyText(emptyLatency().with(100, requests));
    const paths = [["GET", pattern, requests, requests, 0, 0, 0, 1, 2, 5 * requests, latency]];
    writeFileSync(
      join(pathFolder(dir), `${start}-${hoursBack}-1-a.json`),
      JSON.stringify({ hourMs: start, routes: { env_1: paths } }),
    );
  };
  const top = async (query: object = {}) =>
    (await listTopPaths(deps, actor, "blog", query)).items.map(({ path, requests }) => [path, requests]);

  test("of whole hours in a span; the last day when none is given; eight days at most", async () => {
    leave(0, "/now", 1);
    leave(3, "/today", 10);
    leave(30, "/yesterday", 100);
    leave(6 * 24, "/week", 1_000);
    leave(10 * 24, "/gone", 10_000);
    expect(await top()).toEqual([
      ["/today", 10],
      ["/now", 1],
    ]);
    expect(await keepPaths(deps, never)).toEqual({ files: 4, forgotten: 1 });
    expect(await top()).toEqual([
      ["/today", 10],
      ["/now", 1],
    ]);
    expect(await top({ from: "1h" })).toEqual([["/now", 1]]);
    expect(await top({ from: "30d" })).toEqual([
      ["/week", 1_000],
      ["/yesterday", 100],
      ["/today", 10],
      ["/now", 1],
    ]);
    expect(await top({ from: "48h", to: "24h" })).toEqual([["/yesterday", 100]]);
    expect(asked.at(-1)).toEqual({ action: "deploy", environment: "production" });
    expect(listTopPaths(deps, actor, "blog", { from: "1h", to: "2h" })).rejects.toMatchObject({
      fields: [{ path: "from" }],
    });
  });

  test("fifty, and all others in one", async () => {
    for (let i = 0; i < 60; i++) {
      const start = hour(deps.clock.nowMs());
      mkdirSync(pathFolder(dir), { recursive: true });
      writeFileSync(
        join(pathFolder(dir), `${start}-${i}-1-a.json`),
        JSON.stringify({
          hourMs: start,
          routes: { env_1: [["GET", `/${i}`, 100 - i, 0, 0, 0, 0, 0, 0, 0, ""]] },
        }),
      );
    }
    const { items, other } = await listTopPaths(deps, actor, "blog", {});
    expect(items).toHaveLength(50);
    expect(other).toMatchObject({
      method: "",
      path: "",
      requests: 50 + 49 + 48 + 47 + 46 + 45 + 44 + 43 + 42 + 41,
    });
    expect(items[0]!.responseMs).toEqual({ avg: null, p50: null, p95: null, p99: null });
  });
});
