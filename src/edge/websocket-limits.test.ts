import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { RouteBandwidth, RouteLimits } from "../domain/edge.ts";
import { type EdgeFixture, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";

const limit = 1000;
/** Codes that the app was closed with. */
let appClosed: number[] = [];
let appGot: number[] = [];
const app = Bun.serve<undefined>({
  port: 0,
  fetch: (request, server) =>
    server.upgrade(request, { data: undefined }) ? undefined : new Response("no upgrade", { status: 426 }),
  websocket: {
    message(socket, message) {
      appGot.push(message.length);
      socket.send(`got ${message.length}`);
    },
    close: (_, code) => void appClosed.push(code),
  },
});
let fixture: EdgeFixture;
const route = (limits: Partial<RouteLimits> = {}): void =>
  fixture.route([
    routeTo(["127.0.0.1"], toPort(app.port!), { webSocketMessageBytes: limit, ...limits }, "ws"),
  ]);
beforeAll(() => {
  fixture = startEdge([], { silenceMs: 800 });
});
beforeEach(() => {
  appClosed = [];
  appGot = [];
  route();
});
afterAll(async () => {
  await fixture.close();
  await app.stop(true);
});

const open = async (): Promise<WebSocket> => {
  const socket = new WebSocket(`ws://127.0.0.1:${fixture.port}/`);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return socket;
};
const closed = (socket: WebSocket): Promise<number> =>
  new Promise((resolve) => (socket.onclose = ({ code }) => resolve(code)));
const said = (socket: WebSocket): Promise<string> =>
  new Promise((resolve) => (socket.onmessage = ({ data }) => resolve(data as string)));
const untilAppClosed = async (): Promise<void> => {
  while (appClosed.length === 0) await Bun.sleep(2);
};

const upgrade =
  "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/** A client's frame with a mask of zeros. */
const frame = (first: number, length: number): Buffer => {
  const head = length < 126 ? [first, 0x80 | length] : [first, 0x80 | 126, length >> 8, length & 255];
  return Buffer.concat([Uint8Array.of(...head, 0, 0, 0, 0), Buffer.alloc(length, 0x61)]);
};
const rawSocket = async () => {
  const client = await connectRaw(fixture.port);
  client.send(upgrade);
  await client.until((text) => text.includes("\r\n\r\n"));
  return client;
};
const closeFrame = (code: number): string => `\x88\x02${String.fromCharCode(code >> 8, code & 255)}`;

test("a message above the limit closes with 1009 on both sides, and nothing of it reaches the app", async () => {
  const socket = await open();
  const echoed = said(socket);
  socket.send("x".repeat(limit));
  expect(await echoed).toBe(`got ${limit}`);
  const ended = closed(socket);
  socket.send("x".repeat(limit + 1));
  expect(await ended).toBe(1009);
  await untilAppClosed();
  expect(appClosed).toEqual([1009]);
  expect(appGot).toEqual([limit]);
});

test("frames of one message are counted together, pings between them are not", async () => {
  const client = await rawSocket();
  // 600, a ping, 400: as many as may be; then the next message begins anew.
  client.send(Buffer.concat([frame(0x01, 600), frame(0x89, 125), frame(0x80, 400), frame(0x81, 1000)]));
  await client.until((text) => text.match(/got 1000/g)?.length === 2);
  client.send(Buffer.concat([frame(0x01, 600), frame(0x00, 300), frame(0x80, 101)]));
  const text = await client.untilClosed();
  expect(text).toEndWith(closeFrame(1009));
  await untilAppClosed();
  expect(appGot).toEqual([1000, 1000]);
});

test("a frame's head that comes byte by byte is no way around it", async () => {
  const client = await rawSocket();
  for (const byte of frame(0x81, limit + 1).subarray(0, 8)) {
    client.send(Uint8Array.of(byte));
    await Bun.sleep(5);
  }
  expect(await client.untilClosed()).toEndWith(closeFrame(1009));
  await untilAppClosed();
  expect(appGot).toEqual([]);
});

test("16 MB where the route says nothing", async () => {
  fixture.route([routeTo(["127.0.0.1"], toPort(app.port!), {}, "ws")]);
  const client = await rawSocket();
  const head = (bytes: number): Uint8Array =>
    Uint8Array.of(
      0x81,
      0xff,
      0,
      0,
      0,
      0,
      bytes >>> 24,
      (bytes >> 16) & 255,
      (bytes >> 8) & 255,
      bytes & 255,
      0,
      0,
      0,
      0,
    );
  client.send(head(16 * 1024 * 1024 + 1));
  expect(await client.untilClosed()).toEndWith(closeFrame(1009));
});

test("one that is silent for too long is closed with 1001, one with a ping now and then is not", async () => {
  const busy = await rawSocket();
  const pinging = setInterval(() => busy.send(frame(0x89, 0)), 100);
  const socket = await open();
  expect(await closed(socket)).toBe(1001);
  await untilAppClosed();
  expect(appClosed).toEqual([1001]);
  await Bun.sleep(900);
  expect(busy.closed()).toBe(false);
  clearInterval(pinging);
  busy.close();
});

const month = (change: Partial<RouteBandwidth>): RouteBandwidth => ({
  epoch: "",
  usedUpAtBytes: 0,
  endsAtMs: Date.now() + 3_600_000,
  bytesPerMonth: 1e9,
  policy: "block",
  bytesPerSecond: 20_000,
  ...change,
});
const passedBytes = (): number => {
  const { meter } = fixture.edge.router.byId.get("ws")!;
  return meter.bytesIn + meter.bytesOut;
};

test("messages count, and a month that is used up and blocked closes with 1008", async () => {
  const socket = await open();
  const before = passedBytes();
  const echoed = said(socket);
  socket.send("x".repeat(900));
  await echoed;
  expect(passedBytes() - before).toBeGreaterThan(900);
  expect(passedBytes() - before).toBeLessThan(1000);
  route({ bandwidth: month({ usedUpAtBytes: passedBytes() + 500 }) });
  const ended = closed(socket);
  socket.send("x".repeat(900));
  expect(await ended).toBe(1008);
  const refused = await connectRaw(fixture.port);
  refused.send(upgrade);
  expect(await refused.until((text) => text.includes("</html>"))).toStartWith("HTTP/1.1 509 ");
  refused.close();
});

test("a month that is used up and throttled slows messages down", async () => {
  const socket = await open();
  route({ bandwidth: month({ policy: "throttle", usedUpAtBytes: passedBytes() }) });
  const startedAt = performance.now();
  let answers = 0;
  const all = new Promise<void>((resolve) => {
    socket.onmessage = () => ++answers === 30 && resolve();
  });
  for (let i = 0; i < 30; i++) socket.send("x".repeat(1000));
  await all;
  // 30 KB at 20 KB a second, of which the first second's may be saved up.
  expect(performance.now() - startedAt).toBeGreaterThan(300);
  socket.close();
});
