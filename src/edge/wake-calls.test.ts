import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { countsById } from "./processes/commands.ts";
import { pidOf } from "./processes/identity.ts";
import { ensureEdge, handOverEdge } from "./spawn.ts";
import { routeTo, toPort } from "./testing/edge-fixture.ts";
import { ended } from "./testing/edge-process.ts";
import { type EdgeProcesses, edgeProcesses } from "./testing/edge-processes.ts";
import { connectRaw, type RawClient } from "./testing/raw-client.ts";
import { createWakeCalls } from "./wake-calls.ts";

const server = Bun.serve({ port: 0, development: false, fetch: () => new Response("awake") });
let edge: EdgeProcesses;
beforeEach(() => {
  edge = edgeProcesses();
});
afterEach(() => edge.close());
afterAll(() => server.stop(true));

const hold = { kind: "hold", maxRequests: 100, maxMs: 60_000 } as const;
const get = "GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n";
const ask = async (): Promise<RawClient> => {
  const client = await connectRaw((await edge.ports())[0]!);
  client.send(get);
  return client;
};

test("whoever begins to wait is called out at once and once, and let go by a change of targets alone", async () => {
  await ensureEdge(edge.wanted());
  await edge.client.putTable({ version: 1, routes: [routeTo(["site.test"], hold, {}, "site")] });
  const called = edge.client.wanted();
  const first = await ask();
  expect(await called).toEqual(["site"]);
  // Another one that joins is no news: the next answer comes after some seconds, and tells who waits still.
  const again = edge.client.wanted();
  const second = await ask();
  const raced = await Promise.race([again, Bun.sleep(1_000)]);
  expect(raced).toBeUndefined();
  expect(await again).toEqual(["site"]);
  await expect(edge.client.putTargets(7, { site: toPort(server.port!) })).rejects.toMatchObject({
    code: "conflict",
  });
  await edge.client.putTargets(1, { site: toPort(server.port!), gone: hold });
  for (const client of [first, second]) expect(await client.untilClosed()).toEndWith("awake");
  expect((await edge.client.health()).tableVersion).toBe(1);
  // A table of the same version is still refused, the next one taken.
  await edge.client.putTable({ version: 2, routes: [routeTo(["site.test"], hold, {}, "site")] });
  const third = await ask();
  expect(await edge.client.wanted()).toEqual(["site"]);
  third.close();
}, 30_000);

test("with several processes, the one that the daemon asks hears of all", async () => {
  await ensureEdge(edge.wanted({ processes: 3 }));
  await edge.client.putTable({ version: 1, routes: [routeTo(["site.test"], hold, {}, "site")] });
  const served = new Set<number>();
  for (let round = 0; served.size < 3 && round < 60; round++) {
    const called = edge.client.wanted();
    const client = await ask();
    expect(await called).toEqual(["site"]);
    const held = await edge.peers.askAll(countsById, { method: "GET", path: "/held" });
    for (const [id, counts] of held) if (counts.site === 1) served.add(pidOf(id));
    await edge.client.putTargets(1, { site: toPort(server.port!) });
    expect(await client.untilClosed()).toEndWith("awake");
    await edge.client.putTargets(1, { site: hold });
  }
  expect(served.size).toBe(3);
}, 30_000);

test("a process that hands over lets go who waits for calls, and passes on its own", async () => {
  await ensureEdge(edge.wanted());
  await edge.client.putTable({ version: 1, routes: [routeTo(["site.test"], hold, {}, "site")] });
  const kept = await connectRaw((await edge.ports())[0]!);
  kept.send("GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n");
  await kept.until((text) => text.includes("404"));
  const { pid } = await edge.client.health();
  const before = edge.client.wanted();
  await handOverEdge(edge.wanted());
  expect(await before).toEqual([]);
  const called = edge.client.wanted();
  // Over a connection that the old process has.
  kept.send(get);
  expect(await called).toEqual(["site"]);
  await edge.client.putTable({
    version: 2,
    routes: [routeTo(["site.test"], toPort(server.port!), {}, "site")],
  });
  expect(await kept.untilClosed()).toEndWith("awake");
  await ended(pid);
}, 30_000);

test("calls of before are told to who asks next; who asked earlier is let go", async () => {
  const calls = createWakeCalls();
  calls.note("a");
  calls.note("b");
  calls.note("a");
  expect(await calls.next(60_000)).toEqual(["a", "b"]);
  const early = calls.next(60_000);
  const late = calls.next(60_000);
  expect(await early).toEqual([]);
  calls.note("c");
  expect(await late).toEqual(["c"]);
  expect(await calls.next(1)).toEqual([]);
});
