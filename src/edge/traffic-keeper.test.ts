import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathFileSchema } from "../domain/path-usage.ts";
import { logFolder } from "./access-log/segments.ts";
import { pathFolder } from "./paths/path-store.ts";
import { entriesOn, linesOn, logInto } from "./testing/access-logs.ts";
import { type EdgeFixture, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw, exchangeRaw } from "./testing/raw-client.ts";
import { type RawUpstream, startOkUpstream } from "./testing/raw-upstream.ts";

let dir: string;
let upstream: RawUpstream;
let fixture: EdgeFixture;
const site = (id: string) => ({
  ...routeTo([`${id.replace("_", "-")}.test`], toPort(upstream.port), {}, id),
  accessLog: logInto(id),
  countPaths: true,
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-keeper-"));
  upstream = startOkUpstream();
  fixture = startEdge([site("env_1")], {}, undefined, { dir });
});
afterEach(async () => {
  await fixture.close();
  upstream.close();
  rmSync(dir, { recursive: true, force: true });
});
const get = (path: string): Promise<string> =>
  exchangeRaw(fixture.port, `GET ${path} HTTP/1.1\r\nHost: env-1.test\r\nConnection: close\r\n\r\n`);
const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (let i = 0; !(await holds()); i++) {
    if (i > 500) throw new Error(`not within 10 s: ${what}`);
    await Bun.sleep(20);
  }
};
const exists = (id: string): boolean => existsSync(logFolder(dir, id));

test("lines come to the disk by themselves, also those of the last moment", async () => {
  await get("/a");
  await until("a line", async () => (await linesOn(dir, "env_1")).length === 1);
  await get("/b");
  await fixture.close();
  expect((await linesOn(dir, "env_1")).map(({ path }) => path)).toEqual(["/a", "/b"]);
  const [name] = readdirSync(pathFolder(dir));
  const { routes } = pathFileSchema.parse(JSON.parse(readFileSync(join(pathFolder(dir), name!), "utf8")));
  expect(routes.env_1!.map(([method, pattern, requests]) => [method, pattern, requests])).toEqual([
    ["GET", "/a", 1],
    ["GET", "/b", 1],
  ]);
});

test("the log of a site that is gone goes too; not at once, and not by a process that leaves", async () => {
  for (const id of ["env_1", "env_2", "env_gone"]) {
    mkdirSync(logFolder(dir, id), { recursive: true });
    writeFileSync(join(logFolder(dir, id), "20260310T1200-000000.jsonl"), "");
  }
  await Bun.sleep(1_000);
  expect(exists("env_gone")).toBe(true);
  // A table that comes late saves what is its own.
  fixture.route([site("env_1"), site("env_2")]);
  await until("the orphan is gone", () => !exists("env_gone"));
  expect(exists("env_1") && exists("env_2")).toBe(true);
  fixture.edge.leaving = true;
  fixture.route([site("env_1")]);
  await Bun.sleep(4_500);
  expect(exists("env_2")).toBe(true);
}, 20_000);

test("each hour has a file of its own, and what is counted in one is not in the next", async () => {
  const { traffic } = fixture.edge;
  const start = Date.parse("2026-03-10T12:30:00Z");
  let nowMs = start;
  Object.assign(traffic, { nowMs: () => nowMs });
  const files = (): string[] => (existsSync(pathFolder(dir)) ? readdirSync(pathFolder(dir)).sort() : []);
  const requestsIn = (hour: string): number => {
    const name = files().find((one) => one.startsWith(`${Date.parse(hour)}-`));
    if (name === undefined) return 0;
    const { routes } = pathFileSchema.parse(JSON.parse(readFileSync(join(pathFolder(dir), name), "utf8")));
    return routes.env_1!.reduce((sum, path) => sum + path[2], 0);
  };
  // The fixture began in the present; from there an hour begins that lies far back.
  await until("the clock is followed", () => files().length === 0);
  await Bun.sleep(1_200);
  await get("/a");
  await get("/a");
  nowMs = Date.parse("2026-03-10T13:00:01Z");
  await until("the hour is over", () => requestsIn("2026-03-10T12:00:00Z") === 2);
  await get("/a");
  // Back by a minute: what is saved stays.
  nowMs = Date.parse("2026-03-10T12:59:30Z");
  await Bun.sleep(1_200);
  nowMs = Date.parse("2026-03-10T14:00:00Z");
  await until("the next one is", () => requestsIn("2026-03-10T13:00:00Z") === 1);
  expect(requestsIn("2026-03-10T12:00:00Z")).toBe(2);
}, 20_000);

test("a disk that is full costs no request; what is missing is told once there is room", async () => {
  const small = join(dir, "small");
  mkdirSync(small);
  expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", small]).exitCode).toBe(0);
  const full = startEdge([site("env_1")], {}, undefined, { dir: small });
  try {
    const filler = join(small, "filler");
    writeFileSync(filler, new Uint8Array(90 * 1024));
    let answered = 0;
    const ask = async (requests: number): Promise<void> => {
      const client = await connectRaw(full.port);
      for (let i = 0; i < requests; i++) client.send("GET /a HTTP/1.1\r\nHost: env-1.test\r\n\r\n");
      answered +=
        (await client.until((text) => text.split("200 OK").length === requests + 1)).split("200 OK").length -
        1;
      client.close();
    };
    for (let round = 0; round < 5; round++) {
      await ask(100);
      await Bun.sleep(600);
    }
    expect(answered).toBe(500);
    rmSync(filler);
    await ask(1);
    await until("the log goes on", async () => (await linesOn(small, "env_1")).length > 0);
    await until("nothing is missing without word", async () => {
      const entries = await entriesOn(small, "env_1");
      return entries.reduce((sum, entry) => sum + ("line" in entry ? 1 : entry.dropped), 0) === answered;
    });
    expect((await entriesOn(small, "env_1")).some((entry) => "dropped" in entry)).toBe(true);
  } finally {
    await full.close();
    Bun.spawnSync(["umount", "--lazy", small]);
  }
}, 30_000);
