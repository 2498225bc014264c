import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureEdge, handOverEdge } from "../spawn.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { type EdgeProcesses, edgeProcesses } from "../testing/edge-processes.ts";
import { exchangeRaw } from "../testing/raw-client.ts";
import { leadSocket, socketOf } from "./folder.ts";
import { processIdOf } from "./identity.ts";

/** What comes of a hand-over that fails half-way: one of the two goes on, and never both as the lead. */

const server = Bun.serve({ port: 0, development: false, fetch: () => new Response("hello") });
let edge: EdgeProcesses;
let port: number;
beforeEach(() => {
  edge = edgeProcesses();
});
afterEach(() => edge.close());
afterAll(() => server.stop(true));

const begin = async (): Promise<void> => {
  await ensureEdge(edge.wanted());
  await edge.client.putTable({ version: 1, routes: [routeTo(["site.test"], toPort(server.port!), {}, "a")] });
  port = (await edge.ports())[0]!;
};
const get = (path = "/", more = "") => `GET ${path} HTTP/1.1\r\nHost: site.test\r\n${more}\r\n`;
const pidOfLead = async (): Promise<number> => (await edge.client.health()).pid;
const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (let i = 0; !(await holds()); i++) {
    if (i > 500) throw new Error(`not within 10 s: ${what}`);
    await Bun.sleep(20);
  }
};

describe("what fails half-way", () => {
  test("an edge that does not come up: the old one goes on", async () => {
    await begin();
    const before = await pidOfLead();
    const script = join(edge.dir, "broken.ts");
    writeFileSync(script, 'console.error(JSON.stringify({ message: "no such luck" })); process.exit(1)');
    const broken = { command: [process.execPath, script], version: "2" };
    await expect(ensureEdge(edge.wanted(broken))).rejects.toThrow(/ended at once: no such luck/);
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const elsewhere = [
      { host: "127.0.0.1", port },
      { host: "127.0.0.1", port: taken.port },
    ];
    await expect(ensureEdge(edge.wanted({ listen: elsewhere }))).rejects.toThrow(
      /is taken by another program/,
    );
    taken.stop(true);
    expect(await pidOfLead()).toBe(before);
    expect(await exchangeRaw(port, get("/", "Connection: close\r\n"))).toEndWith("hello");
  }, 30_000);

  test("killed at any moment, either of the two goes on, alone; no count is lost or doubled", async () => {
    await begin();
    const listen = [{ host: "127.0.0.1", port }];
    let asked = 0;
    let killedEarly = 0;
    for (let round = 0; round < 16; round++) {
      const before = await pidOfLead();
      const arguments_ = ["edge", "--dir", edge.dir, "--listen", `127.0.0.1:${port}`, "--take-over"];
      const next = Bun.spawn([process.execPath, join(import.meta.dir, "../entry.ts"), ...arguments_], {
        stdio: ["ignore", "ignore", "ignore"],
      });
      // A start takes about a tenth of a second.
      await Bun.sleep(40 + round * 10);
      process.kill(next.pid, "SIGKILL");
      await next.exited;
      // Also when the lead's name is with the dead one, whoever asks next finds an edge or starts one.
      await ensureEdge(edge.wanted({ listen }));
      const present = await pidOfLead();
      if (present === before) killedEarly++;
      await until("one lead", async () => {
        const { lead, starting } = await edge.roles();
        return lead.length === 1 && lead[0] === present && starting.length === 0;
      });
      for (let i = 0; i < 5; i++, asked++)
        expect(await exchangeRaw(port, get("/", "Connection: close\r\n"))).toEndWith("hello");
      expect((await edge.client.meters()).meters.a!.requests).toBe(asked);
      expect(await pidOfLead()).toBe(present);
    }
    expect(killedEarly).toBeGreaterThan(0);
  }, 60_000);

  test("a process that took over and died before it said so gives the lead back", async () => {
    await begin();
    const before = await pidOfLead();
    const other = Bun.spawn(["sleep", "60"]);
    const id = processIdOf(other.pid)!;
    // As far as one gets that is killed right after it has taken the lead.
    const listener = Bun.listen({ unix: socketOf(edge.dir, id), socket: { data() {} } });
    linkSync(socketOf(edge.dir, id), join(edge.dir, "beside.sock"));
    renameSync(join(edge.dir, "beside.sock"), leadSocket(edge.dir));
    other.kill("SIGKILL");
    await other.exited;
    // What asks it to leave in the name of a dead process is not believed.
    const own = processIdOf(before)!;
    const answer = await fetch("http://edge/own/retire", {
      unix: socketOf(edge.dir, own),
      method: "POST",
      body: JSON.stringify({ lead: id, deadlineMs: 0 }),
    });
    expect(answer.status).toBe(409);
    await until("the lead is back", async () => (await pidOfLead().catch(() => 0)) === before);
    listener.stop(true);
    expect(await exchangeRaw(port, get("/", "Connection: close\r\n"))).toEndWith("hello");
  }, 30_000);

  test("the lead's name is removed: it is there again within moments", async () => {
    await begin();
    const before = await pidOfLead();
    rmSync(leadSocket(edge.dir));
    await until("the name", async () => (await pidOfLead().catch(() => 0)) === before);
  }, 30_000);

  test("an edge of before hand-overs is told to stop", async () => {
    let stopped = 0;
    const former = Bun.serve({
      unix: leadSocket(edge.dir),
      fetch(request) {
        if (new URL(request.url).pathname === "/stop") {
          stopped++;
          return Response.json({});
        }
        const health = { pid: process.pid, version: "0.0.1", tableVersion: 0, startedAtMs: 0, listening: [] };
        return Response.json(health);
      },
    });
    await ensureEdge(edge.wanted());
    expect(stopped).toBe(1);
    expect(await pidOfLead()).not.toBe(process.pid);
    await former.stop(true);
    await until("the name", async () => (await pidOfLead().catch(() => 0)) > 0);
  }, 30_000);
});

test("what is damaged on disk does no harm to a hand-over", async () => {
  await begin();
  const table = join(edge.dir, "table.json");
  const whole = readFileSync(table);
  for (const cut of [0, 1, 70, whole.length - 1]) {
    writeFileSync(table, whole.subarray(0, cut));
    // Beside the one that is in use.
    rmSync(join(edge.dir, "limits-1.bin"));
    writeFileSync(join(edge.dir, "limits-1.bin"), whole.subarray(0, cut));
    writeFileSync(join(edge.dir, "meters-9-9-00000000.json"), whole.subarray(0, cut));
    await handOverEdge(edge.wanted());
    const { tableVersion } = await edge.client.health();
    expect(tableVersion).toBe(0);
    // The daemon sends it anew.
    await edge.client.putTable({
      version: 1,
      routes: [routeTo(["site.test"], toPort(server.port!), {}, "a")],
    });
    expect(await exchangeRaw(port, get("/", "Connection: close\r\n"))).toEndWith("hello");
  }
}, 30_000);

test("counts that the disk does not take are told to nobody, so that what was told never shrinks", async () => {
  await begin();
  const ask = async (): Promise<void> => {
    for (let i = 0; i < 5; i++)
      expect(await exchangeRaw(port, get("/", "Connection: close\r\n"))).toEndWith("hello");
  };
  const told = async (): Promise<number> => (await edge.client.meters()).meters.a!.requests;
  await ask();
  expect(await told()).toBe(5);
  // Written beside, then renamed: something else stands there.
  const file = join(edge.dir, `meters-${processIdOf(await pidOfLead())}.json`);
  for (const rest of [".new", ".next"]) mkdirSync(file + rest);
  await ask();
  await expect(edge.client.meters()).rejects.toThrow(/could not be stored/);
  await handOverEdge(edge.wanted());
  await until("the old one is gone", async () => (await edge.client.health()).retired === 0);
  for (const rest of [".new", ".next"]) rmSync(file + rest, { recursive: true });
  expect(await told()).toBeGreaterThanOrEqual(5);
  await ask();
  expect(await told()).toBeGreaterThanOrEqual(10);
}, 30_000);
