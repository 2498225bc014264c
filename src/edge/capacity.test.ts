import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { visitorCapacity } from "./capacity.ts";
import { createEdgeClient } from "./client.ts";
import { noLimits } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";

test("capacity follows the limit of descriptors", () => {
  const limits = (soft: string): string =>
    `Limit  Soft Limit  Hard Limit\nMax open files            ${soft}   9  files\n`;
  expect(visitorCapacity(limits("1024"))).toBe(448);
  expect(visitorCapacity(limits("1048576"))).toBe(20_000);
  expect(visitorCapacity(limits("64"))).toBe(16);
  expect(visitorCapacity(limits("unlimited"))).toBe(20_000);
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
