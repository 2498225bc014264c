import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EdgeHealth, Route } from "../domain/edge.ts";
import { latencyBoundsMs } from "../domain/latency-histogram.ts";
import { createEdgeClient, type EdgeClient } from "./client.ts";
import { routeTo, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";

/** The edge as a process of its own: control socket, what survives it, and how it ends. */

const server = Bun.serve({
  port: 0,
  development: false,
  async fetch(request) {
    if (new URL(request.url).pathname === "/slow") await Bun.sleep(400);
    return new Response("hello");
  },
});
let dir: string;
let client: EdgeClient;
const running: Bun.Subprocess[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-edge-"));
  client = createEdgeClient(dir);
});
afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  rmSync(dir, { recursive: true, force: true });
});

const start = (): Bun.Subprocess<"ignore", "pipe", "pipe"> => {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "entry.ts"), "edge", "--dir", dir, "--listen", "127.0.0.1:0"],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  running.push(child);
  return child;
};
const ready = async (): Promise<EdgeHealth> => {
  for (let i = 0; i < 500; i++) {
    const health = await client.health().catch(() => null);
    if (health !== null) return health;
    await Bun.sleep(10);
  }
  throw new Error("the edge does not answer");
};
const routes: Route[] = [routeTo(["site.test"], toPort(server.port!), {}, "a")];
const ask = async (health: EdgeHealth, path = "/"): Promise<string> => {
  const answer = await fetch(`http://${health.listening[0]}${path}`, { headers: { Host: "site.test" } });
  return `${answer.status} ${await answer.text()}`;
};

test("a month that is used up stays used up when the edge is killed", async () => {
  const child = start();
  const { epoch } = await ready().then(() => client.meters());
  const bandwidth = {
    epoch,
    usedUpAtBytes: 400,
    endsAtMs: Date.now() + 3_600_000,
    bytesPerMonth: 400,
    policy: "block" as const,
    bytesPerSecond: 1,
  };
  await client.putTable({
    version: 1,
    routes: [routeTo(["site.test"], toPort(server.port!), { bandwidth }, "a")],
  });
  let health = await ready();
  let asked = 0;
  while ((await ask(health)).startsWith("200")) asked++;
  expect(asked).toBeGreaterThan(0);
  // The counters are written once a second.
  await Bun.sleep(1_200);
  child.kill("SIGKILL");
  await child.exited;
  start();
  health = await ready();
  expect(await ask(health)).toStartWith("509");
});

describe("control socket", () => {
  test("health, table, meters and active", async () => {
    const child = start();
    const health = await ready();
    expect(health).toMatchObject({ pid: child.pid, tableVersion: 0, version: "staged" });
    expect(await ask(health)).toStartWith("404");
    expect(await client.putTable({ version: 5, routes })).toEqual({ version: 5 });
    expect(await ask(health)).toBe("200 hello");
    expect((await client.health()).tableVersion).toBe(5);
    const reading = await client.meters();
    expect(reading.meters.a).toMatchObject({ requests: 1, status2xx: 1, active: 0 });
    expect(reading.meters.a!.latency).toHaveLength(latencyBoundsMs.length + 1);
    expect(await client.active()).toEqual({ [`replica-${server.port}`]: 0 });
    expect(await client.drain([`replica-${server.port}`], 1_000)).toEqual({ remaining: 0 });
  });

  test("a table that is not newer is a conflict, a wrong one names what is wrong; both change nothing", async () => {
    start();
    await ready();
    await client.putTable({ version: 5, routes });
    for (const version of [5, 4])
      expect(client.putTable({ version, routes: [] })).rejects.toMatchObject({ code: "conflict" });
    const wrong = [{ ...routes[0]!, hosts: ["UPPER.test"] }];
    expect(client.putTable({ version: 6, routes: wrong })).rejects.toMatchObject({ code: "invalid_input" });
    const twice = [routes[0]!, { ...routes[0]!, id: "b" }];
    expect(client.putTable({ version: 6, routes: twice })).rejects.toThrow(
      /site\.test belongs to both a and b/,
    );
    expect((await client.health()).tableVersion).toBe(5);
  });

  test("without an edge every call is unavailable", async () => {
    expect(client.health()).rejects.toMatchObject({ code: "unavailable" });
    expect(client.putTable({ version: 1, routes: [] })).rejects.toMatchObject({ code: "unavailable" });
    expect(client.stop()).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("what survives", () => {
  test("kill -9: the table at once, the counters up to a second before, under the same epoch", async () => {
    const first = start();
    const health = await ready();
    await client.putTable({ version: 7, routes });
    for (let i = 0; i < 20; i++) await ask(health);
    const before = await client.meters();
    await Bun.sleep(1_200);
    first.kill("SIGKILL");
    await first.exited;
    start();
    const again = await ready();
    expect(again.tableVersion).toBe(7);
    expect(await ask(again)).toBe("200 hello");
    const after = await client.meters();
    expect(after.epoch).toBe(before.epoch);
    expect(after.meters.a!.requests).toBe(21);
    expect(after.meters.a!.bytesOut).toBeGreaterThan(before.meters.a!.bytesOut);
  });

  test("a damaged table: it starts with none and says so", async () => {
    writeFileSync(join(dir, "table.json"), '{"version":');
    const child = start();
    expect((await ready()).tableVersion).toBe(0);
    child.kill("SIGTERM");
    expect(await new Response(child.stderr).text()).toContain("damaged");
  });
});

describe("its end", () => {
  test("a second edge on the same folder is refused, the first one goes on", async () => {
    start();
    const health = await ready();
    const second = start();
    expect(await second.exited).toBe(1);
    expect(await new Response(second.stderr).text()).toContain(`process ${health.pid}) already runs on`);
    expect((await client.health()).pid).toBe(health.pid);
  });

  test("a socket left behind is replaced", async () => {
    const first = start();
    await ready();
    first.kill("SIGKILL");
    await first.exited;
    const second = start();
    expect((await ready()).pid).toBe(second.pid);
  });

  test.each(["SIGTERM", "stop"])(
    "%s: requests in flight finish, idle connections close, exit 0",
    async (how) => {
      const child = start();
      const health = await ready();
      await client.putTable({ version: 1, routes });
      const idle = await connectRaw(Number(health.listening[0]!.split(":")[1]));
      const slow = ask(health, "/slow");
      while ((await client.active())[`replica-${server.port}`] !== 1) await Bun.sleep(5);
      if (how === "stop") await client.stop();
      else child.kill("SIGTERM");
      await idle.untilClosed();
      expect(await slow).toBe("200 hello");
      expect(await child.exited).toBe(0);
      expect(fetch(`http://${health.listening[0]}/`)).rejects.toThrow();
    },
  );

  test("an address that is taken is named", async () => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const child = Bun.spawn(
      [
        process.execPath,
        join(import.meta.dir, "entry.ts"),
        ...["edge", "--dir", dir, "--listen", `127.0.0.1:${listener.port}`],
      ],
      { stderr: "pipe" },
    );
    expect(await child.exited).toBe(1);
    const said = await new Response(child.stderr).text();
    expect(said).toContain(`127.0.0.1:${listener.port} is taken by another program`);
    listener.stop();
  });

  test.each([
    [["--listen", "127.0.0.1:80"]],
    [["--dir", "/x"]],
    [["--dir", "/x", "--listen", "nonsense"]],
    [["--dir", "/x", "--listen", "a:70000"]],
  ])("wrong arguments end it: %p", async (args) => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "entry.ts"), "edge", ...args], {
      stderr: "pipe",
    });
    expect(await child.exited).toBe(1);
    expect(await new Response(child.stderr).text()).toMatch(/--(dir|listen)/);
  });
});
