import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { type RawUpstream, startOkUpstream } from "../testing/raw-upstream.ts";
import { Code, Flag, Frame, preface, Setting } from "./protocol.ts";
import { ask, block, frame, type H2Client, headers, number, setting } from "./testing/h2-client.ts";
import { type H2Fixture, startH2Edge } from "./testing/h2-fixture.ts";

/** The cases of h2spec (by its section numbers, those of RFC 7540), and what RFC 9113 says beyond. */

let upstream: RawUpstream;
let edge: H2Fixture;

beforeAll(async () => {
  upstream = startOkUpstream();
  edge = await startH2Edge([routeTo(["site.test"], toPort(upstream.port))]);
});
afterAll(async () => {
  await edge.close();
  upstream.close();
});

const { endStream, endHeaders, padded, priority } = Flag;
const both = endStream | endHeaders;
const data = (id: number, bytes: string | Uint8Array, flags: number = endStream): Buffer =>
  frame(Frame.data, flags, id, bytes);
const open = (id = 1): Buffer => headers(id, ask("/", [], "POST"), endHeaders);
const dependency = (on: number): Buffer => Buffer.concat([number(on), Buffer.from([255])]);

describe("ends the connection", () => {
  const cases: [string, number, Buffer[]][] = [
    ["3.5 SETTINGS do not come first", Code.protocol, []],
    ["4.2 HEADERS above the frame size", Code.frameSize, [headers(1, ask("/", [["x", "y".repeat(16_400)]]))]],
    ["4.2 DATA above the frame size", Code.frameSize, [open(), data(1, "x".repeat(16_385))]],
    ["4.3 a field cut off", Code.compression, [frame(Frame.headers, both, 1, "\x40")]],
    [
      "4.3 PRIORITY within a block",
      Code.protocol,
      [headers(1, ask(), 0), frame(Frame.priority, 0, 1, dependency(0))],
    ],
    ["4.3 HEADERS within a block", Code.protocol, [headers(1, ask(), 0), headers(3)]],
    ["5.1 DATA on an idle stream", Code.protocol, [data(1, "x")]],
    ["5.1 RST_STREAM on an idle stream", Code.protocol, [frame(Frame.reset, 0, 1, number(8))]],
    ["5.1 WINDOW_UPDATE on an idle stream", Code.protocol, [frame(Frame.windowUpdate, 0, 1, number(1))]],
    [
      "5.1 CONTINUATION on an idle stream",
      Code.protocol,
      [frame(Frame.continuation, endHeaders, 1, block(ask()))],
    ],
    [
      "5.1 CONTINUATION after END_HEADERS",
      Code.protocol,
      [headers(1), frame(Frame.continuation, endHeaders, 1)],
    ],
    [
      "5.1 HEADERS after RST_STREAM",
      Code.streamClosed,
      [open(), frame(Frame.reset, 0, 1, number(8)), headers(1)],
    ],
    [
      "5.1 DATA after RST_STREAM",
      Code.streamClosed,
      [open(), frame(Frame.reset, 0, 1, number(8)), data(1, "x")],
    ],
    ["5.1.1 an even stream", Code.protocol, [headers(2)]],
    ["5.1.1 a stream below the last one", Code.protocol, [headers(5), headers(3)]],
    ["5.5 an unknown frame within a block", Code.protocol, [headers(1, ask(), 0), frame(0xee, 0, 1)]],
    ["6.1 DATA without a stream", Code.protocol, [data(0, "x")]],
    ["6.1 more padding than DATA", Code.protocol, [open(), data(1, "\x05abcd", padded)]],
    ["6.1 padded DATA without a length", Code.frameSize, [open(), data(1, "", padded)]],
    ["6.2 HEADERS without a stream", Code.protocol, [headers(0)]],
    ["6.2 more padding than HEADERS", Code.protocol, [frame(Frame.headers, both | padded, 1, "\x05abcd")]],
    [
      "6.2 HEADERS shorter than their priority",
      Code.frameSize,
      [frame(Frame.headers, both | priority, 1, "abc")],
    ],
    ["6.3 PRIORITY without a stream", Code.protocol, [frame(Frame.priority, 0, 0, dependency(1))]],
    ["6.4 RST_STREAM without a stream", Code.protocol, [frame(Frame.reset, 0, 0, number(8))]],
    ["6.4 RST_STREAM of another length", Code.frameSize, [open(), frame(Frame.reset, 0, 1, "abc")]],
    [
      "6.5 SETTINGS that confirm and set",
      Code.frameSize,
      [frame(Frame.settings, Flag.ack, 0, setting(1, 1))],
    ],
    ["6.5 SETTINGS on a stream", Code.protocol, [frame(Frame.settings, 0, 1)]],
    ["6.5 SETTINGS of another length", Code.frameSize, [frame(Frame.settings, 0, 0, "abc")]],
    ["6.5.2 ENABLE_PUSH of 2", Code.protocol, [frame(Frame.settings, 0, 0, setting(Setting.enablePush, 2))]],
    [
      "6.5.2 a window above 2^31-1",
      Code.flowControl,
      [frame(Frame.settings, 0, 0, setting(Setting.initialWindowSize, 2 ** 31))],
    ],
    [
      "6.5.2 a frame size below 2^14",
      Code.protocol,
      [frame(Frame.settings, 0, 0, setting(Setting.maxFrameSize, 16_383))],
    ],
    [
      "6.5.2 a frame size above 2^24-1",
      Code.protocol,
      [frame(Frame.settings, 0, 0, setting(Setting.maxFrameSize, 2 ** 24))],
    ],
    ["6.7 PING on a stream", Code.protocol, [frame(Frame.ping, 0, 1, "12345678")]],
    ["6.7 PING of another length", Code.frameSize, [frame(Frame.ping, 0, 0, "123456")]],
    ["6.8 GOAWAY on a stream", Code.protocol, [frame(Frame.goAway, 0, 1, Buffer.alloc(8))]],
    ["6.8 GOAWAY of another length", Code.frameSize, [frame(Frame.goAway, 0, 0, Buffer.alloc(7))]],
    ["6.9 the connection's window by nothing", Code.protocol, [frame(Frame.windowUpdate, 0, 0, number(0))]],
    ["6.9 WINDOW_UPDATE of another length", Code.frameSize, [frame(Frame.windowUpdate, 0, 0, "abc")]],
    [
      "6.9.1 the connection's window above 2^31-1",
      Code.flowControl,
      [frame(Frame.windowUpdate, 0, 0, number(2 ** 31 - 1))],
    ],
    [
      "6.9.2 a stream's window above 2^31-1 by SETTINGS",
      Code.flowControl,
      [
        open(),
        frame(Frame.windowUpdate, 0, 1, number(2 ** 31 - 1 - 65_535)),
        frame(Frame.settings, 0, 0, setting(Setting.initialWindowSize, 65_536)),
      ],
    ],
    ["6.10 DATA within a block", Code.protocol, [headers(1, ask(), 0), data(1, "x")]],
    [
      "6.10 CONTINUATION of another stream",
      Code.protocol,
      [headers(1, ask(), 0), frame(Frame.continuation, endHeaders, 3)],
    ],
    [
      "6.10 CONTINUATION without a stream",
      Code.protocol,
      [headers(1, ask(), 0), frame(Frame.continuation, endHeaders, 0)],
    ],
    [
      "8.2 PUSH_PROMISE",
      Code.protocol,
      [open(), frame(Frame.pushPromise, endHeaders, 1, Buffer.concat([number(2), block(ask())]))],
    ],
    [
      "hpack 2.3.3 an index beyond the tables",
      Code.compression,
      [frame(Frame.headers, both, 1, Buffer.concat([block(ask()), Buffer.from([0xc6])]))],
    ],
    [
      "hpack 4.2 a size update behind a field",
      Code.compression,
      [frame(Frame.headers, both, 1, Buffer.concat([block(ask()), Buffer.from([0x20])]))],
    ],
    [
      "hpack 5.2 Huffman padding above 7 bits",
      Code.compression,
      [frame(Frame.headers, both, 1, "\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff")],
    ],
    [
      "hpack 5.2 Huffman padding of zeros",
      Code.compression,
      [frame(Frame.headers, both, 1, "\x00\x85\xf2\xb2\x4a\x87\x80\x81\x00")],
    ],
    [
      "hpack 5.2 Huffman's end of string",
      Code.compression,
      [frame(Frame.headers, both, 1, "\x00\x84\xff\xff\xff\xff\x81\x1f")],
    ],
    ["hpack 6.1 index 0", Code.compression, [frame(Frame.headers, both, 1, "\x80")]],
    [
      "hpack 6.3 a table above the setting",
      Code.compression,
      [frame(Frame.headers, both, 1, "\x3f\xe2\x1f")],
    ],
    [
      "hpack: an integer without end",
      Code.compression,
      [frame(Frame.headers, both, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\x01")],
    ],
  ];
  test.each(cases)("%s", async (what, code, frames) => {
    const first = what.startsWith("3.5") ? Buffer.concat([preface, headers(1)]) : undefined;
    const client = await edge.connect(first);
    client.send(...frames);
    expect(await client.goneAway()).toBe(code);
    await client.until(() => false);
    expect(client.closed()).toBe(true);
  });

  test("3.5 a wrong preface", async () => {
    const client = await edge.connect(Buffer.from("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"));
    await client.until(() => false);
    expect(client.closed()).toBe(true);
    expect(client.frames().every(({ type }) => type !== Frame.headers)).toBe(true);
  });

  test.each([
    ["DATA", Code.streamClosed, data(1, "x")],
    ["HEADERS", Code.streamClosed, headers(1)],
    ["CONTINUATION", Code.protocol, frame(Frame.continuation, endHeaders, 1, block(ask()))],
  ])("5.1 %s on a stream that both have ended", async (_, code, late) => {
    const client = await edge.connect();
    client.send(headers(1));
    await client.answer(1);
    client.send(late);
    expect(await client.goneAway()).toBe(code);
  });
});

describe("takes", () => {
  const served = async (...frames: Buffer[]): Promise<H2Client> => {
    const client = await edge.connect();
    client.send(...frames);
    const answer = await client.answer(1);
    expect(answer.fields.get(":status")).toBe("200");
    expect(answer.body.toString()).toBe("ok");
    return client;
  };
  const indexed = Buffer.from([0x82, 0x87, 0x84, 0x41, 0x09, ...Buffer.from("site.test")]);
  const cases: [string, Buffer[]][] = [
    ["4.1 a frame of unknown type", [frame(0xee, 0xff, 0, "12345678"), headers(1)]],
    ["4.1 unknown flags", [frame(Frame.ping, 0x16, 0, "12345678"), headers(1)]],
    ["4.1 the reserved bit", [frame(Frame.ping, 0, 2 ** 31, "12345678"), headers(1)]],
    ["4.2 the longest DATA", [open(), data(1, "x".repeat(16_384))]],
    ["5.3 PRIORITY of an idle stream", [frame(Frame.priority, 0, 1, dependency(0)), headers(1)]],
    ["5.5 an unknown setting", [frame(Frame.settings, 0, 0, setting(0xff, 1)), headers(1)]],
    ["6.1 padded DATA", [open(), data(1, "\x03ab\0\0\0", endStream | padded)]],
    [
      "6.2 padded HEADERS with a priority",
      [
        frame(
          Frame.headers,
          both | padded | priority,
          1,
          Buffer.concat([Buffer.from([2]), dependency(0), block(ask()), Buffer.alloc(2)]),
        ),
      ],
    ],
    [
      "6.10 CONTINUATION, some of it empty",
      [
        frame(Frame.headers, endStream, 1, block(ask()).subarray(0, 9)),
        frame(Frame.continuation, 0, 1),
        frame(Frame.continuation, 0, 1, block(ask()).subarray(9, 20)),
        frame(Frame.continuation, endHeaders, 1, block(ask()).subarray(20)),
      ],
    ],
    ["8.1 trailers", [open(), data(1, "abc", 0), headers(1, [["x-checksum", "1"]])]],
    ["hpack: indexed fields", [frame(Frame.headers, both, 1, indexed)]],
    [
      "hpack 4.2 size updates before the first field",
      [frame(Frame.headers, both, 1, Buffer.concat([Buffer.from([0x20, 0x3f, 0xe1, 0x1f]), indexed]))],
    ],
    [
      "hpack 6.2.3 a field never to be indexed",
      [frame(Frame.headers, both, 1, Buffer.concat([indexed, Buffer.from("\x10\x01x\x01y", "latin1")]))],
    ],
    ["host in place of the authority", [headers(1, [...ask().slice(0, 3), ["host", "site.test"]])]],
    ["host beside the same authority", [headers(1, ask("/", [["host", "SITE.test"]]))]],
    ["TE: trailers", [headers(1, ask("/", [["te", "trailers"]]))]],
    ["WINDOW_UPDATE and RST_STREAM of a closed stream", [headers(1)]],
    [
      "a setting that takes the table away",
      [frame(Frame.settings, 0, 0, setting(Setting.headerTableSize, 0)), headers(1)],
    ],
  ];
  test.each(cases)("%s", async (what, frames) => {
    const client = await served(...frames);
    if (what.startsWith("WINDOW"))
      client.send(frame(Frame.windowUpdate, 0, 1, number(9)), frame(Frame.reset, 0, 1, number(8)));
    expect(await client.alive()).toBe(true);
  });

  test("3.5, 6.5.3 tells its settings first, and confirms the visitor's", async () => {
    const client = await served(headers(1));
    const settings = client.frames().filter(({ type }) => type === Frame.settings);
    expect(client.frames()[0]!.type).toBe(Frame.settings);
    expect(settings[0]!.flags).toBe(0);
    expect(settings.slice(1).map(({ flags }) => flags)).toEqual([Flag.ack]);
  });

  test("6.7 answers a PING with the same bytes, and no PING that is an answer", async () => {
    const client = await edge.connect();
    client.send(frame(Frame.ping, Flag.ack, 0, "answered"), frame(Frame.ping, 0, 0, "question"));
    await client.until((list) => list.some(({ type }) => type === Frame.ping));
    expect(await client.alive()).toBe(true);
    const pings = client.frames().filter(({ type }) => type === Frame.ping);
    expect(pings.map(({ flags, payload }) => [flags, payload.toString()]).slice(0, 1)).toEqual([
      [1, "question"],
    ]);
    expect(pings).toHaveLength(2);
  });
});

describe("sends no more than it may", () => {
  test("6.5.3, 6.9.2 a window that opens byte by byte", async () => {
    const client = await edge.connect();
    client.send(frame(Frame.settings, 0, 0, setting(Setting.initialWindowSize, 0)), headers(1));
    await client.until((list) => list.some(({ type }) => type === Frame.headers));
    expect(await client.alive()).toBe(true);
    expect(client.frames().some(({ type }) => type === Frame.data)).toBe(false);
    client.send(frame(Frame.settings, 0, 0, setting(Setting.initialWindowSize, 1)));
    await client.until((list) => list.some(({ type }) => type === Frame.data));
    client.send(frame(Frame.windowUpdate, 0, 1, number(5)));
    expect((await client.answer(1)).body.toString()).toBe("ok");
    const sizes = client.frames().filter(({ type }) => type === Frame.data);
    expect(sizes.map(({ payload }) => payload.toString())).toEqual(["o", "k"]);
  });

  test("6.9.2 a window below zero", async () => {
    const client = await edge.connect();
    client.send(frame(Frame.settings, 0, 0, setting(Setting.initialWindowSize, 1)), headers(1));
    await client.until((list) => list.some(({ type }) => type === Frame.data));
    client.send(frame(Frame.settings, 0, 0, setting(Setting.initialWindowSize, 0)));
    client.send(frame(Frame.windowUpdate, 0, 1, number(1)));
    expect(await client.alive()).toBe(true);
    expect(client.frames().filter(({ type }) => type === Frame.data)).toHaveLength(1);
  });
});
