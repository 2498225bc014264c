import { afterAll, beforeAll, expect, test } from "bun:test";
import { startRawUpstream } from "../testing/raw-upstream.ts";
import { Code, Flag, Frame, Setting } from "./protocol.ts";
import { type BareEdge, startBareEdge } from "./testing/bare-session.ts";
import { ask, block, frame, headers, number, setting } from "./testing/h2-client.ts";

/** A few bytes of a visitor must not cost the edge work or memory out of all proportion. */

const upstream = startRawUpstream((text) =>
  text.endsWith("\r\n\r\n")
    ? `HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${"x".repeat(100_000)}`
    : undefined,
);
let bare: BareEdge;
beforeAll(() => {
  bare = startBareEdge(upstream.port);
});
afterAll(() => {
  bare.close();
  upstream.close();
  expect(bare.log).toEqual([]);
});

const many = (count: number, one: (at: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, at) => one(at)));
const until = async (condition: () => boolean): Promise<void> => {
  const endsAtMs = performance.now() + 5_000;
  while (!condition() && performance.now() < endsAtMs) await Bun.sleep(2);
  expect(condition()).toBe(true);
};

test("a SETTINGS frame of thousands of windows changes the streams' once, to the last", async () => {
  const { session, send, frames, end } = bare.open(setting(Setting.initialWindowSize, 0));
  send(many(100, (at) => headers(2 * at + 1)));
  await until(() => frames().filter(({ type }) => type === Frame.headers).length === 100);
  let looks = 0;
  const { streams } = session;
  const values = streams.values.bind(streams);
  streams.values = () => (looks++, values());
  send(
    frame(
      Frame.settings,
      0,
      0,
      many(2_730, (at) => setting(Setting.initialWindowSize, at % 2 === 0 ? 7 : 3)),
    ),
  );
  expect(looks).toBeLessThanOrEqual(2);
  expect([...values()].every(({ sendWindow }) => sendWindow <= 3)).toBe(true);
  await until(() => frames().filter(({ type }) => type === Frame.data).length === 100);
  expect(
    frames()
      .filter(({ type }) => type === Frame.data)
      .every(({ payload }) => payload.length === 3),
  ).toBe(true);
  // A value that may not be is seen also where another follows it.
  send(
    frame(
      Frame.settings,
      0,
      0,
      Buffer.concat([setting(Setting.initialWindowSize, 2 ** 31), setting(Setting.initialWindowSize, 1)]),
    ),
  );
  await until(() =>
    frames().some(
      ({ type, payload }) => type === Frame.goAway && payload.readUInt32BE(4) === Code.flowControl,
    ),
  );
  end();
});

test("a connection window that grows byte by byte serves one stream each time, in turn", async () => {
  const { session, send, frames, end } = bare.open();
  send(many(100, (at) => headers(2 * at + 1)));
  await until(() => session.waiting.size === 99 && session.sendWindow === 0);
  const { waiting } = session;
  let turns = 0;
  const remove = waiting.delete.bind(waiting);
  waiting.delete = (stream) => (turns++, remove(stream));
  const before = frames().length;
  send(many(99, () => frame(Frame.windowUpdate, 0, 0, number(1))));
  expect(turns).toBeLessThanOrEqual(2 * 99);
  await until(() => frames().length >= before + 99);
  expect(
    new Set(
      frames()
        .slice(before)
        .map(({ streamId }) => streamId),
    ).size,
  ).toBeGreaterThan(90);
  end();
});

test("HPACK bombs are refused with 431, and leave nothing behind", async () => {
  const one = bare.open();
  // A field of almost the whole table, then thousands of bytes that each repeat it.
  const value = Buffer.alloc(3_900, 0x61);
  const length = [0x7f, 0x80 | ((3_900 - 127) & 127), (3_900 - 127) >> 7];
  const bomb = Buffer.concat([
    block(ask()),
    Buffer.from([0x40, 1, 0x78, ...length]),
    value,
    Buffer.alloc(11_000, 0xbe),
  ]);
  const rssBefore = process.memoryUsage().rss;
  for (let at = 0; at < 300; at++) {
    one.send(frame(Frame.headers, Flag.endStream | Flag.endHeaders, 2 * at + 1, bomb));
    if (at % 50 === 0) await Bun.sleep(1);
  }
  await until(
    () => one.frames().filter(({ type, flags }) => type === Frame.data && (flags & 1) !== 0).length === 300,
  );
  expect(one.session.streams.size).toBe(0);
  expect(one.session.decoder.bytes).toBeLessThanOrEqual(4_096);
  // Unpacked they are 12 GB.
  expect(process.memoryUsage().rss - rssBefore).toBeLessThan(100_000_000);
  one.end();
});

test("a table that is filled and emptied again and again holds what it may", () => {
  const { session, send, over, end } = bare.open();
  const churn = many(40, () => Buffer.from([0x40, 1, 0x78, 1, 0x79]));
  for (let at = 0; at < 200; at++)
    send(
      frame(
        Frame.headers,
        Flag.endStream | Flag.endHeaders,
        2 * at + 1,
        Buffer.concat([Buffer.from([0x20, 0x3f, 0xe1, 0x1f]), block(ask()), churn]),
      ),
    );
  expect(over()).toBe(false);
  expect(session.decoder.bytes).toBeLessThanOrEqual(4_096);
  expect(session.decoder.table.length).toBeLessThanOrEqual(128);
  end();
});

test("empty names and values, thousands of them, are refused like any other field too many", async () => {
  const { send, frames, end } = bare.open();
  send(
    frame(
      Frame.headers,
      Flag.endStream | Flag.endHeaders,
      1,
      Buffer.concat([block(ask()), many(3_000, () => Buffer.from([0, 1, 0x78, 0]))]),
    ),
  );
  await until(() => frames().some(({ type, streamId }) => type === Frame.headers && streamId === 1));
  send(
    frame(
      Frame.headers,
      Flag.endStream | Flag.endHeaders,
      3,
      Buffer.concat([block(ask()), many(5_000, () => Buffer.from([0, 0, 0]))]),
    ),
  );
  await until(
    () => frames().filter(({ type, streamId }) => type <= Frame.headers && streamId === 3).length > 0,
  );
  expect(bare.edge.router.byId.get("site.test")!.meter.active).toBe(0);
  end();
});
