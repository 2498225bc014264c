import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { type RawUpstream, startOkUpstream } from "../testing/raw-upstream.ts";
import { Code, Flag, Frame } from "./protocol.ts";
import { ask, block, type Fields, frame, headers, number } from "./testing/h2-client.ts";
import { type H2Fixture, startH2Edge } from "./testing/h2-fixture.ts";

/** What is wrong about one request ends its stream alone: h2spec's cases (by its section numbers, those of RFC 7540), and more. */

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

const { endStream, endHeaders, priority } = Flag;
const both = endStream | endHeaders;
const data = (id: number, bytes: string | Uint8Array, flags: number = endStream): Buffer =>
  frame(Frame.data, flags, id, bytes);
const open = (id = 1): Buffer => headers(id, ask("/", [], "POST"), endHeaders);
const dependency = (on: number): Buffer => Buffer.concat([number(on), Buffer.from([255])]);

describe("ends the stream alone", () => {
  const odd = (...fields: Fields): Buffer => headers(1, ask("/", fields));
  const without = (name: string): Buffer =>
    headers(
      1,
      ask().filter(([it]) => it !== name),
    );
  const cases: [string, number, Buffer[]][] = [
    ["5.1 DATA on a half-closed stream", Code.streamClosed, [headers(1, ask("/never")), data(1, "x")]],
    ["5.1 HEADERS on a half-closed stream", Code.streamClosed, [headers(1, ask("/never")), headers(1)]],
    [
      "5.3.1 HEADERS that depend on themselves",
      Code.protocol,
      [frame(Frame.headers, both | priority, 1, Buffer.concat([dependency(1), block(ask())]))],
    ],
    [
      "5.3.1 PRIORITY that depends on itself",
      Code.protocol,
      [open(), frame(Frame.priority, 0, 1, dependency(1))],
    ],
    ["6.3 PRIORITY of another length", Code.frameSize, [open(), frame(Frame.priority, 0, 1, "abc")]],
    ["6.9 a stream's window by nothing", Code.protocol, [open(), frame(Frame.windowUpdate, 0, 1, number(0))]],
    [
      "6.9.1 a stream's window above 2^31-1",
      Code.flowControl,
      [
        open(),
        frame(Frame.windowUpdate, 0, 1, number(2 ** 31 - 1)),
        frame(Frame.windowUpdate, 0, 1, number(2 ** 31 - 1)),
      ],
    ],
    [
      "8.1 a second HEADERS without END_STREAM",
      Code.protocol,
      [open(), headers(1, [["x", "y"]], endHeaders)],
    ],
    ["8.1.2 an upper-case name", Code.protocol, [odd(["X-test", "ok"])]],
    ["8.1.2 a name with a space", Code.protocol, [odd(["x test", "ok"])]],
    ["8.1.2 an empty name", Code.protocol, [odd(["", "ok"])]],
    ["8.1.2 a name with a colon", Code.protocol, [odd(["x:y", "ok"])]],
    ["8.1.2.1 an unknown pseudo field", Code.protocol, [headers(1, [[":test", "ok"], ...ask()])]],
    ["8.1.2.1 the pseudo field of an answer", Code.protocol, [headers(1, [[":status", "200"], ...ask()])]],
    ["8.1.2.1 a pseudo field in trailers", Code.protocol, [open(), headers(1, [[":method", "GET"]])]],
    ["8.1.2.1 a pseudo field behind a regular one", Code.protocol, [headers(1, [["x", "y"], ...ask()])]],
    ["8.1.2.2 Connection", Code.protocol, [odd(["connection", "keep-alive"])]],
    ["8.1.2.2 Keep-Alive", Code.protocol, [odd(["keep-alive", "timeout=1"])]],
    ["8.1.2.2 Proxy-Connection", Code.protocol, [odd(["proxy-connection", "keep-alive"])]],
    [
      "8.1.2.2 Transfer-Encoding",
      Code.protocol,
      [headers(1, ask("/", [["transfer-encoding", "chunked"]], "POST"), endHeaders)],
    ],
    ["8.1.2.2 Upgrade", Code.protocol, [odd(["upgrade", "websocket"])]],
    ["8.1.2.2 TE other than trailers", Code.protocol, [odd(["te", "trailers, deflate"])]],
    ["8.1.2.3 an empty path", Code.protocol, [headers(1, ask(""))]],
    ["8.1.2.3 a path that is none", Code.protocol, [headers(1, ask("http://site.test/"))]],
    ["8.1.2.3 * but not OPTIONS", Code.protocol, [headers(1, ask("*"))]],
    ["8.1.2.3 no method", Code.protocol, [without(":method")]],
    ["8.1.2.3 no scheme", Code.protocol, [without(":scheme")]],
    ["8.1.2.3 no path", Code.protocol, [without(":path")]],
    ["8.1.2.3 no authority", Code.protocol, [without(":authority")]],
    ["8.1.2.3 two methods", Code.protocol, [headers(1, [[":method", "GET"], ...ask()])]],
    ["8.1.2.3 two schemes", Code.protocol, [headers(1, [[":scheme", "https"], ...ask()])]],
    ["8.1.2.3 two paths", Code.protocol, [headers(1, [[":path", "/"], ...ask()])]],
    ["8.1.2.3 two authorities", Code.protocol, [headers(1, [[":authority", "site.test"], ...ask()])]],
    [
      "another scheme",
      Code.protocol,
      [headers(1, [[":scheme", "http"], ...ask().filter(([it]) => it !== ":scheme")])],
    ],
    ["an authority other than the host", Code.protocol, [odd(["host", "other.test"])]],
    [
      "8.1.2.6 less than the length said",
      Code.protocol,
      [headers(1, ask("/", [["content-length", "2"]], "POST"), endHeaders), data(1, "x")],
    ],
    [
      "8.1.2.6 more than the length said",
      Code.protocol,
      [headers(1, ask("/", [["content-length", "1"]], "POST"), endHeaders), data(1, "xy")],
    ],
    [
      "8.1.2.6 more than the length said, in pieces",
      Code.protocol,
      [headers(1, ask("/", [["content-length", "1"]], "POST"), endHeaders), data(1, "x", 0), data(1, "y")],
    ],
    [
      "8.1.2.6 a length and nothing",
      Code.protocol,
      [headers(1, ask("/", [["content-length", "1"]], "POST"))],
    ],
    [
      "two lengths",
      Code.protocol,
      [
        headers(
          1,
          ask(
            "/",
            [
              ["content-length", "1"],
              ["content-length", "1"],
            ],
            "POST",
          ),
          endHeaders,
        ),
      ],
    ],
    [
      "a length that is no number",
      Code.protocol,
      [headers(1, ask("/", [["content-length", "+1"]], "POST"), endHeaders)],
    ],
    ["a value with a line's end", Code.protocol, [odd(["x", "a\r\ny: b"])]],
    ["a value with NUL", Code.protocol, [odd(["x", "a\0b"])]],
    ["a value that begins with a blank", Code.protocol, [odd(["x", " a"])]],
    ["a value that ends with a blank", Code.protocol, [odd(["x", "a\t"])]],
    ["a path with a blank", Code.protocol, [headers(1, ask("/ HTTP/1.1\r\nX: y"))]],
    ["a method with a blank", Code.protocol, [headers(1, ask("/", [], "GET /"))]],
    ["CONNECT with a path", Code.protocol, [headers(1, ask("/", [], "CONNECT"))]],
  ];
  test.each(cases)("%s", async (_, code, frames) => {
    const client = await edge.connect();
    client.send(...frames);
    const id = 1;
    expect(await client.refused(id)).toBe(code);
    expect(await client.alive()).toBe(true);
    // The next request is served.
    client.send(headers(7));
    expect((await client.answer(7)).body.toString()).toBe("ok");
  });

  test("5.1.2 more streams than may be open", async () => {
    const client = await edge.connect();
    const ids = Array.from({ length: 101 }, (_, at) => 2 * at + 1);
    client.send(...ids.map((id) => open(id)));
    expect(await client.refused(201)).toBe(Code.refusedStream);
    expect(await client.alive()).toBe(true);
    client.send(data(1, ""));
    expect((await client.answer(1)).fields.get(":status")).toBe("200");
  });
});
