import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { type RawUpstream, startOkUpstream } from "../testing/raw-upstream.ts";
import { Code, Flag, Frame, Setting } from "./protocol.ts";
import { ask, block, frame, type H2Client, headers, number, setting } from "./testing/h2-client.ts";
import { type H2Fixture, startH2Edge } from "./testing/h2-fixture.ts";

/** What h2spec calls generic: every frame and every representation of a field as it is meant; and states of streams. */

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

const { endStream, endHeaders } = Flag;
const both = endStream | endHeaders;
const data = (id: number, bytes: string, flags: number = endStream): Buffer =>
  frame(Frame.data, flags, id, bytes);
const open = (id = 1): Buffer => headers(id, ask("/", [], "POST"), endHeaders);
const priorityOf = (id: number, on: number, weight: number, exclusive = false): Buffer =>
  frame(Frame.priority, 0, id, Buffer.concat([number(exclusive ? on + 2 ** 31 : on), Buffer.from([weight])]));
const reset = (id: number, code: number = Code.cancel): Buffer => frame(Frame.reset, 0, id, number(code));
const grant = (id: number, bytes: number): Buffer => frame(Frame.windowUpdate, 0, id, number(bytes));
const served = async (client: H2Client, id: number): Promise<void> => {
  const answer = await client.answer(id);
  expect([answer.fields.get(":status"), answer.body.toString()]).toEqual(["200", "ok"]);
};

describe("is served", () => {
  const stalled = frame(Frame.settings, 0, 0, setting(Setting.initialWindowSize, 0));
  const cases: [string, Buffer[], number?][] = [
    ["2/1 PRIORITY on an idle stream", [priorityOf(1, 0, 255), headers(1)]],
    ["2/2 WINDOW_UPDATE on a half-closed stream", [stalled, headers(1), grant(1, 100)]],
    ["2/3 PRIORITY on a half-closed stream", [stalled, headers(1), priorityOf(1, 0, 255), grant(1, 100)]],
    ["3.1/2 several DATA", [open(), data(1, "a", 0), data(1, "b", 0), data(1, "c")]],
    ["3.1 DATA without bytes at its end", [open(), data(1, "abc", 0), data(1, "")]],
    ["3.3/1 PRIORITY of weight 1", [priorityOf(1, 0, 0), headers(1)]],
    ["3.3/2 PRIORITY of weight 256", [priorityOf(1, 0, 255), headers(1)]],
    ["3.3/3 PRIORITY that depends on another", [priorityOf(1, 3, 7), headers(1)]],
    ["3.3/4 PRIORITY that excludes", [priorityOf(1, 3, 7, true), headers(1)]],
    [
      "3.3/5 PRIORITY of a later stream, then HEADERS of an earlier",
      [priorityOf(5, 0, 7), headers(3), headers(5)],
      3,
    ],
    ["3.3 PRIORITY while the request comes", [open(), priorityOf(1, 0, 7), data(1, "abc")]],
    [
      "3.5/1 SETTINGS of all kinds",
      [
        frame(
          Frame.settings,
          0,
          0,
          Buffer.concat([
            setting(1, 4_096),
            setting(2, 0),
            setting(3, 100),
            setting(4, 65_535),
            setting(5, 16_384),
            setting(6, 100),
          ]),
        ),
        headers(1),
      ],
    ],
    ["3.9/1 WINDOW_UPDATE of the connection", [grant(0, 1), headers(1)]],
    ["3.9/2 WINDOW_UPDATE of a stream", [open(), grant(1, 1), data(1, "abc")]],
    [
      "3.10/1 CONTINUATION",
      [
        frame(Frame.headers, endStream, 1, block(ask()).subarray(0, 5)),
        frame(Frame.continuation, endHeaders, 1, block(ask()).subarray(5)),
      ],
    ],
    ["6.4 RST_STREAM of another stream", [open(1), reset(1), headers(3)], 3],
    ["7/2 RST_STREAM with an unknown code", [open(1), reset(1, 0xff), headers(3)], 3],
    ["5.1 a stream after one that was skipped", [headers(7)], 7],
    [
      "6.5 SETTINGS in the middle of a request",
      [open(), frame(Frame.settings, 0, 0, setting(Setting.initialWindowSize, 70_000)), data(1, "abc")],
    ],
    ["6.7 PING in the middle of a request", [open(), frame(Frame.ping, 0, 0, "12345678"), data(1, "abc")]],
  ];
  test.each(cases)("%s", async (_, frames, id = 1) => {
    const client = await edge.connect();
    client.send(...frames);
    await served(client, id);
    expect(await client.alive()).toBe(true);
  });

  test("2/4 RST_STREAM on a half-closed stream", async () => {
    const client = await edge.connect();
    client.send(headers(1, ask("/slow")), reset(1));
    expect(await client.alive()).toBe(true);
  });

  test("2/5 PRIORITY and WINDOW_UPDATE on a closed stream", async () => {
    const client = await edge.connect();
    client.send(headers(1));
    await served(client, 1);
    client.send(priorityOf(1, 0, 255), grant(1, 1));
    expect(await client.alive()).toBe(true);
  });

  test("4/2 HEAD, with the fields of GET and without DATA", async () => {
    const client = await edge.connect();
    client.send(headers(1, ask("/", [], "HEAD")));
    const answer = await client.answer(1);
    expect([answer.fields.get(":status"), answer.fields.get("content-length"), answer.body.length]).toEqual([
      "200",
      "2",
      0,
    ]);
  });

  test("HEAD with a head too large: 431 without DATA", async () => {
    const client = await edge.connect();
    const large = block(
      ask(
        "/",
        [
          ["x", "y".repeat(16_000)],
          ["x", "y".repeat(16_000)],
          ["x", "y".repeat(16_000)],
        ],
        "HEAD",
      ),
    );
    const parts = [0, 1, 2].map((at) => large.subarray(at * 16_100, (at + 1) * 16_100));
    client.send(
      frame(Frame.headers, endStream, 1, parts[0]!),
      frame(Frame.continuation, 0, 1, parts[1]!),
      frame(Frame.continuation, endHeaders, 1, parts[2]!),
    );
    const answer = await client.answer(1);
    expect([answer.fields.get(":status"), answer.body.length, answer.reset]).toEqual(["431", 0, null]);
    expect(client.frames().some(({ type }) => type === Frame.data)).toBe(false);
  });

  test.each([
    ["3.8/1 GOAWAY", Code.none],
    ["7/1 GOAWAY with an unknown code", 0xff],
  ])("%s: what is in flight is answered, then the end", async (_, code) => {
    const client = await edge.connect();
    client.send(
      open(),
      frame(Frame.goAway, 0, 0, Buffer.concat([number(0), number(code), Buffer.from("bye")])),
      data(1, "abc"),
    );
    await served(client, 1);
    await client.until(() => false);
    expect(client.closed()).toBe(true);
  });
});

describe("hpack: takes", () => {
  const indexed = Buffer.from([0x82, 0x87, 0x84, 0x41, 0x09, ...Buffer.from("site.test")]);
  const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");
  const key = "custom-key";
  const value = "custom-value";
  const plainKey = `0a${Buffer.from(key).toString("hex")}`;
  const plainValue = `0c${Buffer.from(value).toString("hex")}`;
  // RFC 7541 appendix C.4.3.
  const packedKey = "88 25a849e95ba97d7f";
  const packedValue = "89 25a849e95bb8e8b4bf";
  const cases: [string, string, string][] = [
    ["5/2 a literal to be indexed, of an indexed name", `7a ${plainValue}`, "user-agent"],
    ["5/3 the same by Huffman's code", `7a ${packedValue}`, "user-agent"],
    ["5/4 a literal to be indexed, of a new name", `40 ${plainKey} ${plainValue}`, key],
    ["5/5 the same by Huffman's code", `40 ${packedKey} ${packedValue}`, key],
    ["5/6 a literal not to be indexed, of an indexed name", `0f2b ${plainValue}`, "user-agent"],
    ["5/7 the same by Huffman's code", `0f2b ${packedValue}`, "user-agent"],
    ["5/8 a literal not to be indexed, of a new name", `00 ${plainKey} ${plainValue}`, key],
    ["5/9 the same by Huffman's code", `00 ${packedKey} ${packedValue}`, key],
    ["5/10 a literal never to be indexed, of an indexed name", `1f2b ${plainValue}`, "user-agent"],
    ["5/11 the same by Huffman's code", `1f2b ${packedValue}`, "user-agent"],
    ["5/12 a literal never to be indexed, of a new name", `10 ${plainKey} ${plainValue}`, key],
    ["5/13 the same by Huffman's code", `10 ${packedKey} ${packedValue}`, key],
    ["a name by Huffman's code, a value without", `00 ${packedKey} ${plainValue}`, key],
    ["a field of the table that was just filled", `40 ${plainKey} ${plainValue} be`, key],
    [
      "a length in more bytes than it takes",
      `00 ${plainKey} 7f8d00`.replace("7f8d00", `7f00${"61".repeat(127)}`),
      key,
    ],
  ];
  test.each(cases)("%s", async (_, field, name) => {
    const client = await edge.connect();
    client.send(frame(Frame.headers, both, 1, Buffer.concat([indexed, bytes(field)])));
    await served(client, 1);
    // The table of both sides is still the same.
    client.send(frame(Frame.headers, both, 3, Buffer.concat([indexed, bytes(field)])));
    await served(client, 3);
    const wanted = `\r\n${name}: ${field.includes("7f00") ? "a".repeat(127) : value}\r\n`;
    expect(upstream.received().join("")).toContain(wanted);
  });

  test.each([
    ["5/14 a size update", "20"],
    ["5/15 several size updates", "20 3fe11f"],
  ])("%s", async (_, update) => {
    const client = await edge.connect();
    client.send(frame(Frame.headers, both, 1, Buffer.concat([bytes(update), indexed])));
    await served(client, 1);
  });
});

describe("ends the connection", () => {
  const continuation = frame(Frame.continuation, endHeaders, 1, block(ask()));
  const cases: [string, number, Buffer[]][] = [
    ["5.1/7 CONTINUATION on a half-closed stream", Code.protocol, [headers(1, ask("/never")), continuation]],
    ["5.1/10 CONTINUATION after RST_STREAM", Code.protocol, [open(), reset(1), continuation]],
    ["5.4.1/1 a wrong PING", Code.frameSize, [frame(Frame.ping, 0, 0, "12345")]],
    [
      "6.5.3 a SETTINGS frame of a length that is none",
      Code.frameSize,
      [frame(Frame.settings, 0, 0, "12345")],
    ],
    ["6.8 a PING within a block", Code.protocol, [headers(1, ask(), 0), frame(Frame.ping, 0, 0, "12345678")]],
    [
      "6.9.2/3 a window above 2^31-1",
      Code.flowControl,
      [headers(1), frame(Frame.settings, 0, 0, setting(Setting.initialWindowSize, 2 ** 31))],
    ],
    [
      "6.10/5 CONTINUATION after the end of CONTINUATION",
      Code.protocol,
      [headers(1, ask(), endStream), frame(Frame.continuation, endHeaders, 1), continuation],
    ],
    ["6.10/6 CONTINUATION after DATA", Code.protocol, [open(), data(1, "abc"), continuation]],
    ["6.10 SETTINGS within a block", Code.protocol, [headers(1, ask(), 0), frame(Frame.settings, 0, 0)]],
    ["6.10 WINDOW_UPDATE within a block", Code.protocol, [headers(1, ask(), 0), grant(0, 1)]],
    ["6.10 RST_STREAM within a block", Code.protocol, [headers(1, ask(), 0), reset(1)]],
    [
      "6.10 GOAWAY within a block",
      Code.protocol,
      [headers(1, ask(), 0), frame(Frame.goAway, 0, 0, Buffer.alloc(8))],
    ],
    [
      "6.6 PUSH_PROMISE of an even stream",
      Code.protocol,
      [frame(Frame.pushPromise, endHeaders, 2, Buffer.concat([number(4), block(ask())]))],
    ],
    [
      "hpack 5.1 a text longer than its block",
      Code.compression,
      [frame(Frame.headers, both, 1, "\x00\x05abc")],
    ],
    ["hpack 5.1 an integer that is cut", Code.compression, [frame(Frame.headers, both, 1, "\xff\x80")]],
    [
      "hpack 6.2 an index beyond the tables for a name",
      Code.compression,
      [frame(Frame.headers, both, 1, "\x7f\x20\x01x")],
    ],
    [
      "hpack 4.2 a size update alone behind fields",
      Code.compression,
      [frame(Frame.headers, both, 1, Buffer.concat([block(ask()), Buffer.from([0x3f, 0xe1, 0x1f])]))],
    ],
  ];
  test.each(cases)("%s", async (_, code, frames) => {
    const client = await edge.connect();
    client.send(...frames);
    expect(await client.goneAway()).toBe(code);
    await client.until(() => false);
    expect(client.closed()).toBe(true);
  });
});
