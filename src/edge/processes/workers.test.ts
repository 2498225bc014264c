import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { ensureEdge, handOverEdge } from "../spawn.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { ended } from "../testing/edge-process.ts";
import { type EdgeProcesses, edgeProcesses } from "../testing/edge-processes.ts";
import { exchangeRaw } from "../testing/raw-client.ts";
import { startLoad } from "../testing/steady-load.ts";

/** Several processes on one address. */

const server = Bun.serve({
  port: 0,
  development: false,
  async fetch(request) {
    if (request.method === "POST") await request.text();
    return new Response("hello");
  },
});
let edge: EdgeProcesses;
beforeEach(() => {
  edge = edgeProcesses();
});
afterEach(() => edge.close());
afterAll(() => server.stop(true));

const route = () => routeTo(["site.test"], toPort(server.port!), {}, "a");
const get = "GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n";
const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (let i = 0; !(await holds()); i++) {
    if (i > 500) throw new Error(`not within 10 s: ${what}`);
    await Bun.sleep(20);
  }
};

test("each serves its part, and the counts are exact", async () => {
  await ensureEdge(edge.wanted({ processes: 2 }));
  expect(await edge.client.health()).toMatchObject({ processes: 2, retired: 0 });
  await edge.client.putTable({ version: 1, routes: [route()] });
  const [port] = await edge.ports();
  // Each connection goes to either; a few kept ones with many requests may all have gone to the same.
  const load = startLoad({ port: port!, host: "site.test", kept: 0, fresh: 16 });
  while (load.answered() < 3_000) await Bun.sleep(5);
  await load.stop();
  expect(load.failed()).toEqual([]);
  const counts = [...(await edge.requestsOf("a")).values()];
  expect(counts.length).toBe(2);
  expect(Math.min(...counts) / load.answered()).toBeGreaterThan(0.35);
  expect((await edge.client.meters()).meters.a).toMatchObject({
    requests: load.answered(),
    status2xx: load.answered(),
    active: 0,
  });
}, 30_000);

test("a table is answered when all processes follow it", async () => {
  await ensureEdge(edge.wanted({ processes: 3 }));
  const [port] = await edge.ports();
  for (let version = 1; version <= 30; version++) {
    const title = `table ${version}`;
    const message = { kind: "message", status: 200, title, message: "" } as const;
    await edge.client.putTable({ version, routes: [routeTo(["site.test"], message, {}, "a")] });
    const answers = await Promise.all(Array.from({ length: 12 }, () => exchangeRaw(port!, get)));
    for (const answer of answers) expect(answer).toContain(title);
  }
}, 30_000);

test("a worker that is killed is replaced, with table and counts; nothing is counted twice", async () => {
  await ensureEdge(edge.wanted({ processes: 2 }));
  await edge.client.putTable({ version: 1, routes: [route()] });
  const [port] = await edge.ports();
  let asked = 0;
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20; i++, asked++) expect(await exchangeRaw(port!, get)).toEndWith("hello");
    // What was told is on the disk.
    expect((await edge.client.meters()).meters.a!.requests).toBe(asked);
    const [worker] = (await edge.roles()).worker;
    process.kill(worker!, "SIGKILL");
    await ended(worker!);
    await until("another worker", async () => (await edge.roles()).worker.length === 1);
    expect((await edge.roles()).worker).not.toContain(worker!);
    expect((await edge.client.meters()).meters.a!.requests).toBe(asked);
  }
}, 30_000);

test("a worker that hangs is killed and replaced", async () => {
  await ensureEdge(edge.wanted({ processes: 2 }));
  const [worker] = (await edge.roles()).worker;
  process.kill(worker!, "SIGSTOP");
  await ended(worker!);
  await until("another worker", async () => (await edge.roles()).worker.length === 1);
}, 40_000);

test("the lead is killed: its worker goes on, until the next edge takes over", async () => {
  await ensureEdge(edge.wanted({ processes: 2 }));
  await edge.client.putTable({ version: 1, routes: [route()] });
  const [port] = await edge.ports();
  for (let i = 0; i < 20; i++) await exchangeRaw(port!, get);
  const before = (await edge.client.meters()).meters.a!.requests;
  const { lead, worker } = await edge.roles();
  process.kill(lead[0]!, "SIGKILL");
  await ended(lead[0]!);
  const load = startLoad({ port: port!, host: "site.test", kept: 3, fresh: 3 });
  while (load.answered() < 300) await Bun.sleep(5);
  await ensureEdge(edge.wanted({ processes: 2, listen: [{ host: "127.0.0.1", port: port! }] }));
  while (load.answered() < 1_000) await Bun.sleep(5);
  await load.stop();
  expect(load.failed()).toEqual([]);
  await ended(worker[0]!);
  const roles = await edge.roles();
  expect([roles.lead.length, roles.worker.length, roles.retired.length]).toEqual([1, 1, 0]);
  expect((await edge.client.meters()).meters.a!.requests).toBe(before + load.answered());
}, 60_000);

const numbers = Array.from({ length: process.env.CROFT_SOAK === "1" ? 25 : 1 }, () => [3, 1, 2, 2]).flat();

test(
  "hand-overs to other numbers of processes, under load",
  async () => {
    await ensureEdge(edge.wanted({ processes: 2 }));
    await edge.client.putTable({ version: 1, routes: [route()] });
    const [port] = await edge.ports();
    const load = startLoad({ port: port!, host: "site.test", kept: 6, fresh: 6 });
    for (const processes of numbers) {
      for (const enough = load.answered() + 200; load.answered() < enough;) await Bun.sleep(2);
      await (processes === 2 ? handOverEdge : ensureEdge)(edge.wanted({ processes }));
      expect((await edge.client.health()).processes).toBe(processes);
      await until(`${processes} that serve`, async () => {
        const { lead, worker } = await edge.roles();
        return lead.length === 1 && worker.length === processes - 1;
      });
    }
    await load.stop();
    expect(load.failed()).toEqual([]);
    expect((await edge.client.meters()).meters.a!.requests).toBe(load.answered());
  },
  numbers.length * 4_000 + 30_000,
);

test("stop ends all of them; a worker whose lead and folder are gone ends by itself", async () => {
  await ensureEdge(edge.wanted({ processes: 2 }));
  const all = Object.values(await edge.roles()).flat();
  await edge.client.stop();
  for (const pid of all) await ended(pid);

  await ensureEdge(edge.wanted({ processes: 2 }));
  const { lead, worker } = await edge.roles();
  process.kill(lead[0]!, "SIGKILL");
  await ended(lead[0]!);
  expect(existsSync(`/proc/${worker[0]}`)).toBe(true);
  rmSync(edge.dir, { recursive: true });
  await ended(worker[0]!);
}, 30_000);
