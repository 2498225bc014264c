import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ByteSocket } from "../byte-socket.ts";
import { createEdge, startSweep } from "../edge.ts";
import { swapTable } from "../router.ts";
import type { Edge } from "../state.ts";
import { splitRequests } from "../testing/raw-upstream.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { Flag, Frame, preface, Setting } from "./protocol.ts";
import { sessionData, sessionDrained, sessionEnded, sessionOpened } from "./session.ts";
import { createShared } from "./shared.ts";
import { ask, block, frame, headers, number, setting } from "./testing/h2-client.ts";

/**
 * Mutated frames by the ten thousand, given to sessions without TLS in between, in front of a real upstream:
 * nothing throws, nothing stays behind, every frame that goes out is well formed, and every byte that reaches the
 * upstream is a request of HTTP/1.1 that a second parser reads the same way.
 */

const log: string[] = [];
let edge: Edge;
let stopSweep: () => void;
let seen = "";
let requests = 0;
const upstream = Bun.listen<{ text: string; answered: number }>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: (socket) => void (socket.data = { text: "", answered: 0 }),
    data(socket, bytes) {
      socket.data.text += bytes.toString("latin1");
      const whole = splitRequests(socket.data.text);
      for (const { head } of whole.slice(socket.data.answered)) {
        requests++;
        if (!/^[!-~]+ [!-~]+ HTTP\/1\.1\r\nHost: site\.test\r\n/i.test(head) || /[\0\n](?<!\r\n)/.test(head))
          seen += `${head}\n---\n`;
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\n\r\n");
      }
      socket.data.answered = whole.length;
    },
    error() {},
  },
});

beforeAll(() => {
  const say = (message: string, about?: unknown): void => void log.push(`${message} ${Bun.inspect(about)}`);
  edge = createEdge({
    log: { debug: say, info: say, warn: say, error: say } as never,
    deadlines: { sweepMs: 50 },
    capacity: { visitors: 5_000 },
  });
  swapTable(
    edge.router,
    { version: 1, routes: [routeTo(["site.test"], toPort(upstream.port))] },
    edge.now(),
    0,
  );
  stopSweep = startSweep(edge);
});
afterAll(() => {
  stopSweep();
  swapTable(edge.router, { version: 2, routes: [] }, edge.now(), 0);
  upstream.stop(true);
});

let seed = 20_261_120;
const random = (below: number): number => {
  seed = (seed * 48_271) % 0x7fffffff;
  return seed % below;
};
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;

const indexed = Buffer.from([0x82, 0x87, 0x84, 0x41, 0x09, ...Buffer.from("site.test")]);
/** Frames of all kinds, good in themselves. */
const seeds: ((id: number) => Buffer)[] = [
  (id) => headers(id),
  (id) =>
    headers(
      id,
      ask("/a?b", [
        ["cookie", "a=1"],
        ["x-y", "z"],
      ]),
    ),
  (id) => frame(Frame.headers, 5, id, indexed),
  (id) => headers(id, ask("/", [["content-length", "3"]], "POST"), Flag.endHeaders),
  (id) => headers(id, ask("/", [], "POST"), Flag.endHeaders),
  (id) => headers(id, ask(), 0),
  (id) => frame(Frame.continuation, Flag.endHeaders, id, block([["x", "y"]])),
  (id) => frame(Frame.data, 1, id, "abc"),
  (id) => frame(Frame.data, 0, id, "ab"),
  (id) => frame(Frame.data, 9, id, "\x02abc\0\0"),
  (id) => headers(id, [["x-t", "1"]]),
  (id) => frame(Frame.reset, 0, id, number(8)),
  (id) => frame(Frame.windowUpdate, 0, random(2) * id, number(random(1_000))),
  () => frame(Frame.settings, 0, 0, setting(pick(Object.values(Setting)), random(70_000))),
  () => frame(Frame.settings, 1, 0),
  () => frame(Frame.ping, random(2), 0, "12345678"),
  (id) => frame(Frame.priority, 0, id, "\0\0\0\0\x10"),
  () => frame(random(300) % 256, random(256), random(9), "payload"),
  () => frame(Frame.goAway, 0, 0, Buffer.alloc(8)),
];

const mutate = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  switch (random(6)) {
    case 0:
      copy[random(copy.length)] = random(256);
      return copy;
    case 1:
      copy[random(copy.length)]! ^= 1 << random(8);
      return copy;
    case 2:
      return copy.subarray(0, random(copy.length));
    case 3:
      return Buffer.concat([
        copy.subarray(0, random(copy.length)),
        Buffer.from([random(256)]),
        copy.subarray(random(copy.length)),
      ]);
    default:
      return copy;
  }
};

/** A socket that takes bytes in pieces, now and then none. */
const createSink = (): ByteSocket & { bytes: Buffer[]; over: boolean } => ({
  bytes: [],
  over: false,
  remoteAddress: "192.0.2.1",
  write(data, offset = 0, length = data.length - offset) {
    if (this.over) return -1;
    const taken = random(4) === 0 ? random(length + 1) : length;
    this.bytes.push(Buffer.from(data.subarray(offset, offset + taken)));
    return taken;
  },
  shutdown() {},
  end() {
    this.over = true;
  },
  terminate() {
    this.over = true;
  },
  pause() {},
  resume() {},
  setKeepAlive: () => true,
});

/** Whole frames of known types, but for a last one cut by the end. */
const wellFormed = (bytes: Buffer): boolean => {
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes.readUIntBE(at, 3) > 16_384 || bytes[at + 3]! > 9 || bytes[at + 3] === Frame.pushPromise)
      return false;
    if (at === 0 && bytes[3] !== Frame.settings) return false;
  }
  return true;
};

test("60,000 connections of mutated frames", async () => {
  const shared = createShared();
  let frames = 0;
  for (let run = 0; run < 60_000; run++) {
    const socket = createSink();
    const session = sessionOpened(edge, shared, socket, null);
    const parts: Buffer[] = [run % 50 === 0 ? mutate(preface) : preface, frame(Frame.settings, 0, 0)];
    for (let count = 1 + random(8), id = 1; count > 0; count--) {
      const good = pick(seeds)(id);
      parts.push(random(3) === 0 ? mutate(good) : good);
      if (random(2) === 0) id += 2;
      frames++;
    }
    const bytes = Buffer.concat(parts);
    for (let at = 0; at < bytes.length;) {
      const next = random(3) === 0 ? at + 1 + random(bytes.length - at) : bytes.length;
      sessionData(session, Buffer.from(bytes.subarray(at, next)));
      at = next;
    }
    if (run % 100 === 0) await Bun.sleep(0);
    if (run % 3 === 0) await Bun.sleep(0);
    if (random(2) === 0) sessionDrained(session);
    // Upstream answers for some, the visitor is gone before for others.
    sessionEnded(session);
    expect(wellFormed(Buffer.concat(socket.bytes))).toBe(true);
  }
  const { meter } = edge.router.byId.get("site.test")!;
  const endsAtMs = performance.now() + 5_000;
  while (meter.active > 0 && performance.now() < endsAtMs) await Bun.sleep(10);
  expect([meter.active, edge.visitors.size, edge.sessions.size]).toEqual([0, 0, 0]);
  expect(log).toEqual([]);
  expect(seen).toBe("");
  expect(frames).toBeGreaterThan(200_000);
  expect(requests).toBeGreaterThan(1_000);
}, 120_000);
