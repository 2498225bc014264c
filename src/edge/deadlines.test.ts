import { afterAll, beforeAll, expect, test } from "bun:test";
import { type EdgeFixture, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";
import { okAnswer, type RawUpstream, startRawUpstream } from "./testing/raw-upstream.ts";

/** Every wait ends: with deadlines of a fraction of a second here. */

let fixture: EdgeFixture;
const upstreams: RawUpstream[] = [];
const site = (respond: Parameters<typeof startRawUpstream>[0]): RawUpstream => {
  const upstream = startRawUpstream(respond);
  upstreams.push(upstream);
  fixture.route([routeTo(["site.test"], toPort(upstream.port))]);
  return upstream;
};
beforeAll(() => {
  fixture = startEdge([], {
    headMs: 300,
    keepAliveMs: 200,
    bodyMs: 200,
    answerMs: 300,
    connectMs: 200,
    stallMs: 300,
    silenceMs: 400,
    lingerMs: 100,
    upstreamIdleMs: 200,
  });
});
afterAll(async () => {
  await fixture.close();
  for (const upstream of upstreams) upstream.close();
});

const host = "Host: site.test\r\n";
const get = `GET / HTTP/1.1\r\n${host}\r\n`;

test("a head that drips in gets 408 at its absolute deadline", async () => {
  site(() => okAnswer);
  const client = await connectRaw(fixture.port);
  client.send(`GET / HTTP/1.1\r\n${host}X: `);
  const dripping = setInterval(() => client.closed() || client.send("x"), 20);
  await client.untilClosed();
  clearInterval(dripping);
  expect(client.text()).toStartWith("HTTP/1.1 408 ");
});

test("a connection without a request is closed without a word, at the start and between requests", async () => {
  site(() => okAnswer);
  const silent = await connectRaw(fixture.port);
  expect(await silent.untilClosed()).toBe("");
  const client = await connectRaw(fixture.port);
  client.send(get);
  expect(await client.untilClosed()).toBe(okAnswer);
});

test("a body that stops gets 408; one that goes on slowly does not", async () => {
  site((text) => (text.endsWith("end") ? okAnswer : undefined));
  const stopping = await connectRaw(fixture.port);
  stopping.send(`POST / HTTP/1.1\r\n${host}Content-Length: 10\r\n\r\nabc`);
  expect(await stopping.untilClosed()).toStartWith("HTTP/1.1 408 ");
  const slow = await connectRaw(fixture.port);
  slow.send(`POST / HTTP/1.1\r\n${host}Content-Length: 10\r\n\r\n`);
  for (const part of ["a", "b", "c", "d", "e", "fg", "end"]) {
    await Bun.sleep(60);
    slow.send(part);
  }
  await slow.until((text) => text.endsWith("ok"));
  slow.close();
});

test("an upstream that does not answer gets 504, and is cancelled", async () => {
  const upstream = site(() => undefined);
  const client = await connectRaw(fixture.port);
  client.send(get);
  await client.until((text) => text.includes("</html>"));
  expect(client.text()).toStartWith("HTTP/1.1 504 ");
  while (upstream.connections[0]!.readyState === 1) await Bun.sleep(5);
  client.close();
});

test("an upstream that cannot be reached is told at the connect deadline", async () => {
  // TEST-NET-1 (RFC 5737): no answer (504), or at once that there is no way (502).
  const address = { host: "192.0.2.1", port: 80 };
  fixture.route([routeTo(["site.test"], { kind: "replicas", replicas: [{ replicaId: "far", address }] })]);
  const client = await connectRaw(fixture.port);
  client.send(get);
  await client.until((text) => text.includes("</html>"));
  expect(client.text()).toMatch(/^HTTP\/1\.1 50[24] /);
  client.close();
});

test("an answer that falls silent is cut", async () => {
  site(() => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  const client = await connectRaw(fixture.port);
  client.send(get);
  expect(await client.untilClosed()).toEndWith("abc");
});

test("a visitor who does not read is cut, and the upstream with it", async () => {
  let sent = 0;
  const piece = Buffer.alloc(1_000_000);
  const source = Bun.serve({
    port: 0,
    fetch: () =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            sent += piece.length;
            controller.enqueue(piece);
            await Bun.sleep(0);
          },
        }),
      ),
  });
  fixture.route([routeTo(["site.test"], toPort(source.port!))]);
  const client = await connectRaw(fixture.port);
  client.socket.pause();
  client.send(get);
  const { meter } = fixture.edge.router.byId.get("site.test")!;
  while (meter.active === 0) await Bun.sleep(5);
  while (meter.active > 0) await Bun.sleep(20);
  expect(sent).toBeLessThan(60_000_000);
  client.socket.terminate();
  await source.stop(true);
});

test("unused upstream connections are closed in time, sooner when the upstream says so", async () => {
  const upstream = site(() => okAnswer);
  const client = await connectRaw(fixture.port);
  client.send(get);
  await client.until((text) => text.endsWith("ok"));
  const [replica] = fixture.edge.router.byId.get("site.test")!.replicas;
  expect(replica!.idle).toHaveLength(1);
  while (replica!.idle.length > 0) await Bun.sleep(10);
  while (upstream.connections[0]!.readyState === 1) await Bun.sleep(5);
  site(() => "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok");
  const other = await connectRaw(fixture.port);
  other.send(get);
  await other.until((text) => text.endsWith("ok"));
  other.send(get);
  await other.until((text) => text.match(/ok/g)?.length === 2);
  expect(upstreams.at(-1)!.connections).toHaveLength(2);
  client.close();
  other.close();
});
