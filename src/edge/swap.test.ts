import { afterEach, describe, expect, test } from "bun:test";
import { drainReplicas } from "./drain.ts";
import { activeByReplica } from "./router.ts";
import { type EdgeFixture, replicaAt, routeTo, startEdge } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";
import { okAnswer, startRawUpstream } from "./testing/raw-upstream.ts";

let fixture: EdgeFixture;
afterEach(() => fixture.close());

const get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n";
const namedServer = (name: string, waitMs = 0) =>
  Bun.serve({
    port: 0,
    development: false,
    async fetch(request) {
      const body = request.method === "POST" ? await request.text() : "";
      if (waitMs > 0) await Bun.sleep(waitMs);
      return new Response(name + body);
    },
  });

describe("changing replicas", () => {
  test("20 times in a row under load, each drained and stopped: no request fails", async () => {
    let generation = 0;
    let server = namedServer(`v${generation}`, 1);
    const target = () => ({
      kind: "replicas" as const,
      replicas: [{ replicaId: `r${generation}`, address: { host: "127.0.0.1", port: server.port! } }],
    });
    fixture = startEdge([routeTo(["site.test"], target())]);
    const url = `http://127.0.0.1:${fixture.port}/`;
    let stop = false;
    let done = 0;
    const failed: string[] = [];
    const load = async (worker: number): Promise<void> => {
      for (let i = 0; !stop; i++) {
        const post = i % 2 === 1;
        try {
          const answer = await fetch(url, {
            method: post ? "POST" : "GET",
            body: post ? "body" : undefined,
            headers: { Host: "site.test" },
            keepalive: worker % 4 !== 0,
          });
          const text = await answer.text();
          if (answer.status !== 200 || !/^v\d+(body)?$/.test(text)) failed.push(`${answer.status} ${text}`);
        } catch (error) {
          failed.push(String(error));
        }
        done++;
      }
    };
    const workers = Array.from({ length: 24 }, (_, worker) => load(worker));
    for (generation = 1; generation <= 20; generation++) {
      const old = server;
      server = namedServer(`v${generation}`, 1);
      fixture.route([routeTo(["site.test"], target())]);
      const fresh = await fetch(url, { headers: { Host: "site.test" } });
      expect(await fresh.text()).toBe(`v${generation}`);
      expect(await drainReplicas(fixture.edge, [`r${generation - 1}`], 5_000)).toBe(0);
      await old.stop(true);
      await Bun.sleep(20);
    }
    stop = true;
    await Promise.all(workers);
    expect(failed).toEqual([]);
    expect(done).toBeGreaterThan(500);
    await server.stop(true);
  }, 60_000);

  test("a request in flight ends on the old replica; the visitor's connection goes on to the new one", async () => {
    const old = namedServer("old", 150);
    const fresh = namedServer("new");
    const to = (port: number) => ({ kind: "replicas" as const, replicas: [replicaAt(port)] });
    fixture = startEdge([routeTo(["site.test"], to(old.port!))]);
    const client = await connectRaw(fixture.port);
    client.send(get);
    const oldId = `replica-${old.port}`;
    while (activeByReplica(fixture.edge.router)[oldId] !== 1) await Bun.sleep(1);
    fixture.route([routeTo(["site.test"], to(fresh.port!))]);
    expect(activeByReplica(fixture.edge.router)[oldId]).toBe(1);
    const draining = drainReplicas(fixture.edge, [oldId], 5_000);
    await client.until((text) => text.endsWith("old"));
    expect(await draining).toBe(0);
    expect(activeByReplica(fixture.edge.router)).toEqual({ [`replica-${fresh.port}`]: 0 });
    client.send(get);
    await client.until((text) => text.endsWith("new"));
    client.close();
    await old.stop(true);
    await fresh.stop(true);
  });

  test("unused connections to a removed replica are closed at once", async () => {
    const upstream = startRawUpstream(() => okAnswer);
    fixture = startEdge([routeTo(["site.test"], { kind: "replicas", replicas: [replicaAt(upstream.port)] })]);
    const client = await connectRaw(fixture.port);
    client.send(get);
    await client.until((text) => text.endsWith("ok"));
    expect(upstream.connections[0]!.readyState).toBe(1);
    fixture.route([]);
    while (upstream.connections[0]!.readyState === 1) await Bun.sleep(1);
    client.close();
    upstream.close();
  });

  test("another replica at a reused address never gets the former one's connections", async () => {
    const upstream = startRawUpstream(() => okAnswer);
    const at = (replicaId: string) => ({
      kind: "replicas" as const,
      replicas: [replicaAt(upstream.port, replicaId)],
    });
    fixture = startEdge([routeTo(["site.test"], at("first"))]);
    const client = await connectRaw(fixture.port);
    client.send(get);
    await client.until((text) => text.endsWith("ok"));
    fixture.route([routeTo(["site.test"], at("second"))]);
    client.send(get);
    await client.until((text) => text === okAnswer.repeat(2));
    expect(upstream.connections).toHaveLength(2);
    client.close();
    upstream.close();
  });

  test("at the drain's deadline a request in flight is cut", async () => {
    const upstream = startRawUpstream(() => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    fixture = startEdge([routeTo(["site.test"], { kind: "replicas", replicas: [replicaAt(upstream.port)] })]);
    const client = await connectRaw(fixture.port);
    client.send(get);
    await client.until((text) => text.endsWith("abc"));
    expect(await drainReplicas(fixture.edge, [`replica-${upstream.port}`], 100)).toBe(1);
    await client.untilClosed();
    while (upstream.connections[0]!.readyState === 1) await Bun.sleep(1);
    expect(activeByReplica(fixture.edge.router)).toEqual({ [`replica-${upstream.port}`]: 0 });
    upstream.close();
  });

  test("at the drain's deadline a request without an answer gets 503", async () => {
    const upstream = startRawUpstream(() => undefined);
    fixture = startEdge([routeTo(["site.test"], { kind: "replicas", replicas: [replicaAt(upstream.port)] })]);
    const client = await connectRaw(fixture.port);
    client.send(get);
    while (activeByReplica(fixture.edge.router)[`replica-${upstream.port}`] !== 1) await Bun.sleep(1);
    expect(await drainReplicas(fixture.edge, [`replica-${upstream.port}`], 100)).toBe(1);
    await client.until((text) => text.includes("</html>"));
    expect(client.text()).toStartWith("HTTP/1.1 503 ");
    client.close();
    upstream.close();
  });

  test("the replica with fewer requests in flight comes first", async () => {
    const counts = [0, 0, 0];
    const servers = counts.map((_, at) =>
      Bun.serve({
        port: 0,
        async fetch() {
          counts[at]!++;
          await Bun.sleep(100);
          return new Response("ok");
        },
      }),
    );
    fixture = startEdge([
      routeTo(["site.test"], { kind: "replicas", replicas: servers.map(({ port }) => replicaAt(port!)) }),
    ]);
    const url = `http://127.0.0.1:${fixture.port}/`;
    await Promise.all(Array.from({ length: 9 }, () => fetch(url, { headers: { Host: "site.test" } })));
    expect(counts).toEqual([3, 3, 3]);
    for (const server of servers) await server.stop(true);
  });
});

test("a route that only leads to another is counted with it", async () => {
  fixture = startEdge([]);
  const leading = routeTo(
    ["www.test"],
    { kind: "redirect", host: "site.test", permanent: true },
    {},
    "site:to",
  );
  const server = namedServer("site");
  const target = { kind: "replicas" as const, replicas: [replicaAt(server.port!)] };
  for (const routes of [
    [routeTo(["site.test"], target, {}, "site"), { ...leading, countAs: "site" }],
    // Whichever comes first.
    [{ ...leading, countAs: "site" }, routeTo(["site.test"], target, {}, "site")],
  ])
    fixture.route(routes);
  const { meters } = fixture.edge.router;
  expect([...meters.keys()]).toEqual(["site"]);
  for (const host of ["www.test", "site.test", "www.test"]) {
    const client = await connectRaw(fixture.port);
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    await client.untilClosed();
  }
  const meter = meters.get("site")!;
  expect([meter.status2xx, meter.status3xx]).toEqual([1, 2]);
  await server.stop(true);
});
