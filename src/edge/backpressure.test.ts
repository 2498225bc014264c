import { expect, test } from "bun:test";
import { routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";
import { startRawUpstream } from "./testing/raw-upstream.ts";

/** What one side does not take, the other side must not be let send: memory stays bounded. */

const piece = Buffer.alloc(1_000_000, 1);

test("slow readers hold their upstreams back: nothing piles up in the edge", async () => {
  const server = Bun.serve({
    port: 0,
    development: false,
    fetch: () =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            controller.enqueue(piece);
            await Bun.sleep(0);
          },
        }),
      ),
  });
  const fixture = startEdge([routeTo(["site.test"], toPort(server.port!))]);
  const clients = await Promise.all(Array.from({ length: 50 }, () => connectRaw(fixture.port)));
  for (const client of clients) {
    client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
    client.socket.pause();
  }
  const { meter } = fixture.edge.router.byId.get("site.test")!;
  let before = -1;
  while (meter.bytesOut !== before || meter.requests < clients.length) {
    before = meter.bytesOut;
    await Bun.sleep(300);
  }
  let pending = 0;
  for (const visitor of fixture.edge.visitors) {
    expect(visitor.exchange!.upstream!.paused).toBe(true);
    pending += visitor.out.pendingBytes;
  }
  expect(fixture.edge.visitors.size).toBe(clients.length);
  // At most one read (512 KiB) and its framing for each.
  expect(pending / clients.length).toBeLessThan(600_000);
  for (const client of clients) client.socket.terminate();
  while (meter.active > 0) await Bun.sleep(5);
  await fixture.close();
  await server.stop(true);
}, 60_000);

test("an upstream that does not read holds its visitor back", async () => {
  const upstream = startRawUpstream((_text, socket) => {
    socket.pause();
    return undefined;
  });
  const fixture = startEdge([routeTo(["site.test"], toPort(upstream.port))]);
  const client = await connectRaw(fixture.port);
  client.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 200000000\r\n\r\n");
  client.send(Buffer.alloc(100_000_000));
  const { meter } = fixture.edge.router.byId.get("site.test")!;
  let before = -1;
  while (meter.bytesIn !== before || meter.bytesIn === 0) {
    before = meter.bytesIn;
    await Bun.sleep(300);
  }
  const [visitor] = fixture.edge.visitors;
  expect(visitor!.paused).toBe(true);
  expect(visitor!.exchange!.upstream!.out.pendingBytes).toBeLessThan(1_200_000);
  expect(meter.bytesIn).toBeLessThan(60_000_000);
  client.socket.terminate();
  await fixture.close();
  upstream.close();
}, 60_000);

test("a visitor who pipelines without reading is not read from any further", async () => {
  const body = "x".repeat(100_000);
  const server = Bun.serve({ port: 0, development: false, fetch: () => new Response(body) });
  const fixture = startEdge([routeTo(["site.test"], toPort(server.port!))]);
  const client = await connectRaw(fixture.port);
  client.socket.pause();
  const request = `GET / HTTP/1.1\r\nHost: site.test\r\nX: ${"y".repeat(1000)}\r\n\r\n`;
  client.send(request.repeat(20_000));
  const { meter } = fixture.edge.router.byId.get("site.test")!;
  let before = -1;
  while (meter.bytesOut !== before || meter.bytesOut === 0) {
    before = meter.bytesOut;
    await Bun.sleep(200);
  }
  const [visitor] = fixture.edge.visitors;
  expect(visitor!.held!.length).toBeLessThan(1_300_000);
  expect(visitor!.out.pendingBytes).toBeLessThan(200_000);
  expect(visitor!.paused).toBe(true);
  // Reading on, the visitor gets every answer.
  const read = client.bytes().length;
  client.socket.resume();
  while (meter.requests < 2_000) await Bun.sleep(10);
  expect(client.bytes().length).toBeGreaterThan(read);
  client.socket.terminate();
  await fixture.close();
  await server.stop(true);
}, 60_000);

const counting = (bytes: number): Buffer<ArrayBuffer> => {
  const body = Buffer.alloc(bytes);
  for (let at = 0; at < body.length; at += 4) body.writeUInt32LE(at, at);
  return body;
};
const hashOf = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

test("a download read by fits and starts arrives unchanged: its memory is not given back too early", async () => {
  const body = counting(20_000_000);
  const server = Bun.serve({ port: 0, development: false, fetch: () => new Response(body) });
  const fixture = startEdge([routeTo(["site.test"], toPort(server.port!))]);
  const client = await connectRaw(fixture.port);
  client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
  let headLength = 0;
  while (headLength === 0 || client.bytes().length < headLength + body.length) {
    client.socket.pause();
    await Bun.sleep(2);
    client.socket.resume();
    await Bun.sleep(2);
    headLength = client.bytes().indexOf("\r\n\r\n") + 4;
  }
  expect(hashOf(client.bytes().subarray(headLength))).toBe(hashOf(body));
  const [visitor] = fixture.edge.visitors;
  expect(visitor!.out.spent).toBeNull();
  client.socket.terminate();
  await fixture.close();
  await server.stop(true);
}, 60_000);

test("a large body both ways at once arrives whole", async () => {
  const server = Bun.serve({
    port: 0,
    maxRequestBodySize: 1e9,
    fetch: (request) => new Response(request.body),
  });
  const fixture = startEdge([routeTo(["site.test"], toPort(server.port!))]);
  const body = counting(40_000_000);
  const chunked = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < body.length; at += 77_777) controller.enqueue(body.subarray(at, at + 77_777));
      controller.close();
    },
  });
  for (const sent of [body, chunked]) {
    const answer = await fetch(`http://127.0.0.1:${fixture.port}/`, {
      method: "POST",
      headers: { Host: "site.test" },
      body: sent,
    });
    expect(hashOf(await answer.bytes())).toBe(hashOf(body));
  }
  await fixture.close();
  await server.stop(true);
}, 60_000);
