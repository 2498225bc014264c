import { afterAll, beforeAll, expect, test } from "bun:test";
import { abandonExchange } from "../exchange-end.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { startRawUpstream } from "../testing/raw-upstream.ts";
import { closeVisitor } from "../visitor-end.ts";
import { createAuthority } from "./testing/authority.ts";
import { connectTls, type TlsClient } from "./testing/tls-client.ts";
import { startTlsEdge, type TlsFixture } from "./testing/tls-fixture.ts";

/** Much data over TLS: whole, in order, and held back by whoever is slow. */

const authority = createAuthority();
const { ca } = authority;
const certificate = authority.issue(["site.test"]);
afterAll(() => authority.remove());

const megabyte = 1_000_000;
/** Bytes that show where they belong. */
const pattern = Buffer.from(
  Uint32Array.from({ length: megabyte / 4 }, (_, at) => Math.imul(at, 2_654_435_761)).buffer,
);
const hashOf = (pieces: number): string => {
  const hasher = new Bun.CryptoHasher("sha256");
  for (let i = 0; i < pieces; i++) hasher.update(pattern);
  return hasher.digest("hex");
};

const server = Bun.serve({
  port: 0,
  development: false,
  maxRequestBodySize: 1e10,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (request.method === "POST") {
      const hasher = new Bun.CryptoHasher("sha256");
      for await (const chunk of request.body!) hasher.update(chunk);
      return new Response(hasher.digest("hex"));
    }
    let left = Number(pathname.slice(1));
    if (left === 0)
      return new Response(
        new ReadableStream({
          async pull(controller) {
            await Bun.sleep(30);
            controller.enqueue(`data: ${++left}\n\n`);
            if (left === 5) controller.close();
          },
        }),
        { headers: { "Content-Type": "text/event-stream" } },
      );
    return new Response(
      new ReadableStream({
        async pull(controller) {
          if (left-- === 0) controller.close();
          else controller.enqueue(pattern);
          await Bun.sleep(0);
        },
      }),
    );
  },
});
let fixture: TlsFixture;
beforeAll(async () => {
  fixture = await startTlsEdge([routeTo(["site.test"], toPort(server.port!))], [certificate]);
});
afterAll(async () => {
  await fixture.close();
  await server.stop(true);
});

const open = (): Promise<TlsClient> => connectTls(fixture.tlsPort, "site.test", { ca });
const settled = async (value: () => number): Promise<void> => {
  for (let before = -1; before !== value() || before === 0;) {
    before = value();
    await Bun.sleep(300);
  }
};
const meter = () => fixture.edge.router.byId.get("site.test")!.meter;

test("downloads in chunks arrive whole, also when they are read by fits and starts", async () => {
  const download = async (): Promise<string> => {
    const client = await open();
    const hasher = new Bun.CryptoHasher("sha256");
    client.socket.removeAllListeners("data");
    const parts: Buffer[] = [];
    let reads = 0;
    await new Promise<void>((resolve) => {
      client.socket.on("data", (data: Buffer) => {
        parts.push(data);
        if (++reads % 50 === 0) {
          client.socket.pause();
          setTimeout(() => client.socket.resume(), 5);
        }
        if (data.subarray(-5).equals(Buffer.from("0\r\n\r\n"))) resolve();
      });
      client.send("GET /40 HTTP/1.1\r\nHost: site.test\r\n\r\n");
    });
    client.close();
    // Sizes of chunks vary; the body alone is compared.
    for (const piece of chunksOf(Buffer.concat(parts))) hasher.update(piece);
    return hasher.digest("hex");
  };
  const expected = hashOf(40);
  expect(await Promise.all([download(), download(), download()])).toEqual([expected, expected, expected]);
}, 60_000);

/** The chunks of an answer, read by a plain second parser. */
const chunksOf = function* (answer: Buffer): Generator<Buffer> {
  let at = answer.indexOf("\r\n\r\n") + 4;
  for (;;) {
    const lineEnd = answer.indexOf("\r\n", at);
    const size = Number.parseInt(answer.subarray(at, lineEnd).toString(), 16);
    if (size === 0) return;
    yield answer.subarray(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
};

test("an upload arrives whole", async () => {
  const client = await open();
  client.send(`POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: ${40 * megabyte}\r\n\r\n`);
  for (let i = 0; i < 40; i++) client.send(pattern);
  expect(await client.until((text) => /\r\n\r\n.{64}$/.test(text))).toEndWith(hashOf(40));
  client.close();
}, 60_000);

test("an event stream comes event by event", async () => {
  const client = await open();
  client.send("GET /0 HTTP/1.1\r\nHost: site.test\r\n\r\n");
  const first = await client.until((text) => text.includes("data: 1\n"));
  expect(first).not.toContain("data: 5\n");
  await client.until((text) => text.includes("data: 5\n"));
  client.close();
});

test("slow readers hold their upstreams back: nothing piles up in the edge", async () => {
  const clients = await Promise.all(Array.from({ length: 30 }, open));
  for (const client of clients) {
    client.send("GET /1000000 HTTP/1.1\r\nHost: site.test\r\n\r\n");
    client.socket.pause();
  }
  await settled(() => meter().bytesOut);
  let pending = 0;
  let held = 0;
  for (const visitor of fixture.edge.visitors)
    if (visitor.exchange !== null) {
      expect(visitor.exchange.upstream!.paused).toBe(true);
      pending += visitor.out.pendingBytes;
      held++;
    }
  expect(held).toBe(clients.length);
  // At most one read (512 KiB) and its framing for each.
  expect(pending / held).toBeLessThan(600_000);
  for (const client of clients) client.close();
  while (meter().active > 0) await Bun.sleep(5);
}, 60_000);

test("an upstream that does not read holds its visitor back", async () => {
  const upstream = startRawUpstream((_text, socket) => {
    socket.pause();
    return undefined;
  });
  const slow = await startTlsEdge([routeTo(["site.test"], toPort(upstream.port))], [certificate]);
  const client = await connectTls(slow.tlsPort, "site.test", { ca });
  client.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 200000000\r\n\r\n");
  for (let i = 0; i < 100; i++) client.send(pattern);
  const { meter } = slow.edge.router.byId.get("site.test")!;
  await settled(() => meter.bytesIn);
  const [visitor] = slow.edge.visitors;
  expect(visitor!.paused).toBe(true);
  expect(visitor!.exchange!.upstream!.out.pendingBytes).toBeLessThan(1_200_000);
  expect(meter.bytesIn).toBeLessThan(60_000_000);
  client.socket.resetAndDestroy();
  await slow.close();
  upstream.close();
}, 60_000);

test("who reads nothing of an answer is cut at the deadline, and one that is cut is never taken for whole", async () => {
  const strict = await startTlsEdge([routeTo(["site.test"], toPort(server.port!))], [certificate], {
    deadlines: { stallMs: 400 },
  });
  const client = await connectTls(strict.tlsPort, "site.test", { ca });
  const failed = new Promise<string>((resolve) =>
    client.socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)),
  );
  client.socket.pause();
  client.send("GET /1000000 HTTP/1.1\r\nHost: site.test\r\n\r\n");
  while (strict.edge.visitors.size === 0) await Bun.sleep(5);
  while (strict.edge.visitors.size > 0) await Bun.sleep(5);
  client.socket.resume();
  expect(await failed).toBe("ECONNRESET");
  await strict.close();
}, 60_000);

test("before the end of the process the last bytes of a closed connection are waited for", async () => {
  const last = await startTlsEdge([routeTo(["site.test"], toPort(server.port!))], [certificate]);
  const client = await connectTls(last.tlsPort, "site.test", { ca });
  client.socket.pause();
  client.send("GET /1000000 HTTP/1.1\r\nHost: site.test\r\n\r\n");
  const { meter } = last.edge.router.byId.get("site.test")!;
  await settled(() => meter.bytesOut);
  const [visitor] = last.edge.visitors;
  const given = meter.bytesOut - visitor!.out.pendingBytes;
  abandonExchange(visitor!.exchange!);
  closeVisitor(visitor!);
  let over = false;
  const flushed = last.flushed().then(() => (over = true));
  await Bun.sleep(300);
  expect(over).toBe(false);
  client.socket.resume();
  await flushed;
  await client.until(() => false);
  expect(client.text().length).toBe(given);
  await last.close();
}, 60_000);

test("of too many connections that cannot be closed the oldest goes at once", async () => {
  const bounded = await startTlsEdge([routeTo(["site.test"], toPort(server.port!))], [certificate], {
    handshakes: 1,
  });
  const { meter } = bounded.edge.router.byId.get("site.test")!;
  const stuck: { client: TlsClient; given: number }[] = [];
  for (let i = 0; i < 2; i++) {
    const before = meter.bytesOut;
    const client = await connectTls(bounded.tlsPort, "site.test", { ca });
    client.socket.pause();
    client.send("GET /1000000 HTTP/1.1\r\nHost: site.test\r\n\r\n");
    await settled(() => meter.bytesOut - before);
    const { out } = [...bounded.edge.visitors][i]!;
    stuck.push({ client, given: meter.bytesOut - before - out.pendingBytes });
  }
  for (const visitor of [...bounded.edge.visitors]) {
    abandonExchange(visitor.exchange!);
    closeVisitor(visitor);
  }
  const [first, second] = stuck.map(({ client }) => client);
  for (const client of [first!, second!]) {
    client.socket.resume();
    await client.until(() => false);
  }
  expect(first!.text().length).toBeLessThan(stuck[0]!.given);
  expect(second!.text().length).toBe(stuck[1]!.given);
  await bounded.close();
}, 60_000);

test("a visitor who has left is forgotten, its upstream too", async () => {
  const client = await open();
  client.send("GET /1000000 HTTP/1.1\r\nHost: site.test\r\n\r\n");
  await client.until((text) => text.length > megabyte);
  client.socket.resetAndDestroy();
  while (meter().active > 0) await Bun.sleep(5);
  expect([...fixture.edge.visitors].filter(({ exchange }) => exchange !== null)).toEqual([]);
});
