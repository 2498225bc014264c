import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { drainReplicas } from "./drain.ts";
import { type EdgeFixture, replicaAt, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";
import { okAnswer, startRawUpstream } from "./testing/raw-upstream.ts";
import { createFramePosition, atBoundary, follow } from "./websocket-frames.ts";

let fixture: EdgeFixture;
const server = Bun.serve<{ path: string }>({
  port: 0,
  fetch(request, server) {
    const path = new URL(request.url).pathname;
    if (path === "/refused") return new Response("not you", { status: 403, headers: { "X-Why": "rank" } });
    if (server.upgrade(request, { data: { path }, headers: { "X-Room": "7" } })) return undefined;
    return new Response("no upgrade", { status: 426, headers: { Upgrade: "websocket" } });
  },
  websocket: {
    message(socket, message) {
      socket.send(message);
      if (message === "close") socket.close(4001, "because");
    },
    maxPayloadLength: 64 * 1024 * 1024,
  },
});
const id = "ws";
const replica = replicaAt(server.port!, "replica-ws");

beforeAll(() => {
  fixture = startEdge([routeTo(["127.0.0.1"], { kind: "replicas", replicas: [replica] }, {}, id)]);
});
afterAll(async () => {
  await fixture.close();
  await server.stop(true);
});

const open = async (path = "/"): Promise<WebSocket> => {
  const socket = new WebSocket(`ws://127.0.0.1:${fixture.port}${path}`);
  socket.binaryType = "arraybuffer";
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return socket;
};
const nextMessage = (socket: WebSocket): Promise<unknown> =>
  new Promise((resolve) => (socket.onmessage = (event) => resolve(event.data)));
const closed = (socket: WebSocket): Promise<CloseEvent> =>
  new Promise((resolve) => (socket.onclose = resolve));

const upgrade =
  "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
const key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

describe("WebSocket", () => {
  test("messages of every frame length go both ways, and close codes", async () => {
    const socket = await open();
    for (const length of [0, 1, 125, 126, 65_535, 65_536, 3_000_000]) {
      const message = "x".repeat(length);
      const echoed = nextMessage(socket);
      socket.send(message);
      expect(((await echoed) as string).length).toBe(length);
    }
    const echoed = nextMessage(socket);
    const ended = closed(socket);
    socket.send("close");
    expect(await echoed).toBe("close");
    const event = await ended;
    expect([event.code, event.reason]).toEqual([4001, "because"]);
  });

  test("the fields of the 101 and of the request reach the other side", async () => {
    const client = await connectRaw(fixture.port);
    client.send(upgrade + key);
    const text = await client.until((text) => text.includes("\r\n\r\n"));
    expect(text).toStartWith("HTTP/1.1 101 Switching Protocols\r\n");
    expect(text).toContain("X-Room: 7\r\n");
    expect(text).toContain("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
    expect(text).toContain("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    client.close();
  });

  test("a refusal is passed on with its body, and the connection goes on", async () => {
    const client = await connectRaw(fixture.port);
    client.send(`${upgrade.replace("GET / ", "GET /refused ")}${key}`);
    const text = await client.until((text) => text.endsWith("not you"));
    expect(text).toStartWith("HTTP/1.1 403 Forbidden\r\n");
    expect(text).toContain("X-Why: rank\r\n");
    client.send("GET /refused HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    await client.until((text) => text.match(/not you/g)?.length === 2);
    client.close();
  });

  test("it counts as active and as a request while it is open, but not into latency", async () => {
    const { meter } = fixture.edge.router.byId.get(id)!;
    const before = { requests: meter.requests, latency: meter.latencySumMs, bytesIn: meter.bytesIn };
    const socket = await open();
    expect(meter.active).toBe(1);
    expect(meter.requests).toBe(before.requests + 1);
    const echoed = nextMessage(socket);
    socket.send("x".repeat(1000));
    await echoed;
    expect(meter.bytesIn).toBeGreaterThan(before.bytesIn + 1000);
    const ended = closed(socket);
    socket.close();
    await ended;
    while (meter.active > 0) await Bun.sleep(1);
    expect(meter.latencySumMs).toBe(before.latency);
  });

  test("what is pipelined behind an upgrade waits for the 101 and is never read as a request", async () => {
    const seen: string[] = [];
    const upstream = startRawUpstream((text, socket) => {
      seen.push(text);
      if (seen.length === 1) {
        setTimeout(() => socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"), 20);
      }
      return undefined;
    });
    fixture.route([routeTo(["127.0.0.1"], toPort(upstream.port))]);
    const client = await connectRaw(fixture.port);
    client.send(`${upgrade}${key}frames`);
    await client.until((text) => text.includes("101"));
    while (!seen.at(-1)!.endsWith("frames")) await Bun.sleep(1);
    expect(seen[0]).not.toContain("frames");
    client.close();
    upstream.close();
    fixture.route([routeTo(["127.0.0.1"], { kind: "replicas", replicas: [replica] }, {}, id)]);
  });

  test("only WebSocket is upgraded: h2c, POST and HTTP/1.0 become plain requests", async () => {
    const upstream = startRawUpstream((text) => (text.includes("\r\n\r\n") ? okAnswer : undefined));
    fixture.route([routeTo(["127.0.0.1"], toPort(upstream.port))]);
    for (const request of [
      `${upgrade.replace("websocket", "h2c")}\r\n`,
      `${upgrade.replace("GET", "POST")}Content-Length: 0\r\n\r\n`,
      `${upgrade.replace("HTTP/1.1", "HTTP/1.0")}\r\n`,
      `${upgrade.replace("keep-alive, Upgrade", "keep-alive")}\r\n`,
      `${upgrade}Upgrade: h2c\r\n\r\n`,
    ]) {
      const client = await connectRaw(fixture.port);
      client.send(request);
      await client.until((text) => text.endsWith("ok"));
      client.close();
    }
    expect(upstream.received().join("")).not.toMatch(/upgrade/i);
    upstream.close();
    fixture.route([routeTo(["127.0.0.1"], { kind: "replicas", replicas: [replica] }, {}, id)]);
  });

  test("a drain leaves it alone until the deadline, then closes it with 1001", async () => {
    const socket = await open();
    const ended = closed(socket);
    fixture.route([routeTo(["127.0.0.1"], { kind: "replicas", replicas: [] }, {}, id)]);
    const draining = drainReplicas(fixture.edge, [replica.replicaId], 200);
    const echoed = nextMessage(socket);
    socket.send("still here");
    expect(await echoed).toBe("still here");
    expect(await draining).toBe(1);
    expect((await ended).code).toBe(1001);
    while (server.pendingWebSockets > 0) await Bun.sleep(1);
    fixture.route([routeTo(["127.0.0.1"], { kind: "replicas", replicas: [replica] }, {}, id)]);
  });

  test("without anything in flight a drain ends at once", async () => {
    expect(await drainReplicas(fixture.edge, [replica.replicaId, "unknown"], 60_000)).toBe(0);
  });
});

test("frame positions: headers of every length, split anywhere", () => {
  const frames = Buffer.concat([
    Uint8Array.of(0x81, 0x03, 1, 2, 3),
    Uint8Array.of(0x82, 126, 1, 0),
    Buffer.alloc(256),
    Uint8Array.of(0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 9, 9, 9, 9),
    Buffer.alloc(65_537),
    Uint8Array.of(0x89, 0x80, 1, 2, 3, 4),
  ]);
  const ends = [5, 265, 265 + 14 + 65_537, frames.length];
  for (const step of [1, 2, 3, 7, 1000, frames.length]) {
    const position = createFramePosition();
    for (let at = 0; at < frames.length; at += step) {
      const to = Math.min(frames.length, at + step);
      follow(position, frames, at, to);
      expect(atBoundary(position)).toBe(ends.includes(to));
    }
  }
});
