import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capacityOf } from "./capacity.ts";
import { createEdgeClient } from "./client.ts";
import { noLimits, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";
import { okAnswer, startRawUpstream } from "./testing/raw-upstream.ts";

test("capacity follows the limit of descriptors", () => {
  const limits = (soft: string): string =>
    `Limit  Soft Limit  Hard Limit\nMax open files            ${soft}   9  files\n`;
  expect(capacityOf(limits("1024"))).toEqual({ visitors: 640, descriptors: 640 });
  expect(capacityOf(limits("20000"))).toEqual({ visitors: 17_824, descriptors: 17_824 });
  expect(capacityOf(limits("1048576"))).toEqual({ visitors: 20_000, descriptors: 1_046_400 });
  expect(capacityOf(limits("64"))).toEqual({ visitors: 32, descriptors: 32 });
  expect(capacityOf(limits("unlimited"))).toMatchObject({ visitors: 20_000 });
});

test("with few descriptors, idle connections make way and the edge serves on", async () => {
  const dir = mkdtempSync(join(tmpdir(), "croft-edge-"));
  const server = Bun.serve({ port: 0, development: false, fetch: () => new Response("hello") });
  const child = Bun.spawn(
    [
      ...["prlimit", "--nofile=256:256", process.execPath, join(import.meta.dir, "entry.ts")],
      ...["edge", "--dir", dir, "--listen", "127.0.0.1:0"],
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  const client = createEdgeClient(dir);
  let port = 0;
  while (port === 0) {
    const health = await client.health().catch(() => null);
    if (health === null) await Bun.sleep(10);
    else port = Number(health.listening[0]!.split(":")[1]);
  }
  const replicas = [{ replicaId: "r", address: { host: "127.0.0.1", port: server.port! } }];
  const route = {
    id: "a",
    hosts: ["site.test"],
    target: { kind: "replicas" as const, replicas },
    limits: noLimits,
  };
  await client.putTable({ version: 1, routes: [route] });
  const idle = await Promise.all(Array.from({ length: 400 }, () => connectRaw(port)));
  for (let i = 0; i < 50; i++) {
    const visitor = await connectRaw(port);
    visitor.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
    await visitor.until((text) => text.endsWith("hello"));
    expect(visitor.text()).toEndWith("hello");
    visitor.close();
  }
  expect(idle.some((one) => one.closed())).toBe(true);
  for (const one of idle) one.close();
  child.kill();
  await child.exited;
  await server.stop(true);
  rmSync(dir, { recursive: true });
}, 30_000);

test("connections to upstreams take their descriptors from idle visitors, and from nobody who waits", async () => {
  const upstream = startRawUpstream((text) => (text.startsWith("GET /now") ? okAnswer : undefined));
  const fixture = startEdge([routeTo(["site.test"], toPort(upstream.port))]);
  const { edge } = fixture;
  (edge.capacity as { descriptors: number }).descriptors = 8;
  const ask = async (path: string) => {
    const client = await connectRaw(fixture.port);
    client.send(`GET ${path} HTTP/1.1\r\nHost: site.test\r\n\r\n`);
    return client;
  };
  const idle = await Promise.all(Array.from({ length: 5 }, () => connectRaw(fixture.port)));
  const waiting = [];
  for (let i = 0; i < 4; i++) {
    waiting.push(await ask("/later"));
    while (upstream.connections.length <= i) await Bun.sleep(2);
  }
  // Four pairs fill it: all idle ones went, and whoever comes now is turned away.
  while (idle.some((one) => !one.closed())) await Bun.sleep(2);
  expect(edge.visitors.size + edge.outgoing).toBe(8);
  const late = await connectRaw(fixture.port).catch(() => null);
  while (late !== null && !late.closed()) await Bun.sleep(2);
  expect(waiting.every((one) => !one.closed())).toBe(true);

  (edge.capacity as { descriptors: number }).descriptors = 9;
  const refused = await ask("/now");
  expect(await refused.until((text) => text.includes("</html>"))).toStartWith("HTTP/1.1 503 ");
  for (const one of waiting) one.close();
  while (edge.outgoing > 0) await Bun.sleep(5);
  const served = await ask("/now");
  expect(await served.until((text) => text.endsWith("ok"))).toStartWith("HTTP/1.1 200 ");
  await fixture.close();
  upstream.close();
}, 20_000);

test("a thousand that are busy do not hide those that are idle", async () => {
  const upstream = startRawUpstream((text) => (text.startsWith("GET /slow") ? undefined : okAnswer));
  const fixture = startEdge([routeTo(["site.test"], toPort(upstream.port))]);
  (fixture.edge.capacity as { visitors: number }).visitors = 1_120;
  const clients: Awaited<ReturnType<typeof connectRaw>>[] = [];
  const join = async (): Promise<(typeof clients)[0]> => {
    const client = await connectRaw(fixture.port);
    clients.push(client);
    return client;
  };
  try {
    for (let i = 0; i < 1_100; i++) (await join()).send("GET /slow HTTP/1.1\r\nHost: site.test\r\n\r\n");
    while (upstream.received().length < 1_100) await Bun.sleep(5);
    const idle = [];
    for (let i = 0; i < 20; i++) idle.push(await join());
    // A first look may end before it comes to them, the next one goes on from there.
    let served = 0;
    for (let i = 0; i < 10; i++) {
      const visitor = await join();
      visitor.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
      if ((await visitor.until((text) => text.endsWith("ok"), 2_000).catch(() => "")).endsWith("ok"))
        served++;
      visitor.close();
    }
    expect(served).toBeGreaterThanOrEqual(8);
    expect(idle[0]!.closed()).toBe(true);
    expect(clients.slice(0, 1_100).filter((one) => one.closed())).toEqual([]);
  } finally {
    for (const client of clients) client.close();
    await fixture.close();
    upstream.close();
  }
}, 60_000);
