import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type EdgeFixture, routeTo, startEdge, toPort } from "../testing/edge-fixture.ts";
import { connectRaw } from "../testing/raw-client.ts";
import { type RawUpstream, startRawUpstream } from "../testing/raw-upstream.ts";
import { readAnswer } from "./testing/answer-reader.ts";

/**
 * HTTP/1.1 answers as the response fixtures of llhttp ask for them, and those by which upstreams attack visitors.
 * The connection then goes on in step, or ends: a second request is answered by its own answer or not at all.
 */

let upstream: RawUpstream;
let edge: EdgeFixture;
let answer = "";
/** Sent when the first part is with the visitor. */
let later: string | null = null;
const marker = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nmarker";
beforeAll(() => {
  upstream = startRawUpstream((text, socket) => {
    if (!text.endsWith("\r\n\r\n")) return undefined;
    if (text.lastIndexOf("GET /second ") > text.lastIndexOf(" /first ")) return marker;
    socket.write(Buffer.from(answer, "latin1"));
    const rest = later;
    if (rest !== null) setTimeout(() => socket.end(rest), 30);
    else if (!answer.includes("(stays)")) socket.end();
    return undefined;
  });
  edge = startEdge([routeTo(["site.test"], toPort(upstream.port))], { answerMs: 300, silenceMs: 300 });
});
afterAll(async () => {
  await edge.close();
  upstream.close();
});

interface Outcome {
  status: number;
  body: string;
  /** Of the answer to a second request on the connection; null when that was closed. */
  second: string | null;
}

const outcome = async (text: string, method = "GET"): Promise<Outcome> => {
  answer = text;
  const client = await connectRaw(edge.port);
  const isHead = method === "HEAD";
  const final = (received: string): ReturnType<typeof readAnswer> => {
    for (let at = 0; ;) {
      const read = readAnswer(received, at, isHead);
      if (typeof read === "string" || read.status >= 200) return read;
      at = read.end;
    }
  };
  client.send(`${method} /first HTTP/1.1\r\nHost: site.test\r\n\r\n`);
  const received = await client.until((text) => typeof final(text) !== "string");
  const first = final(received);
  if (typeof first === "string") return { status: 0, body: received, second: null };
  client.send("GET /second HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n");
  await client.untilClosed();
  const all = client.text();
  client.close();
  const second = readAnswer(all, first.end, false);
  return {
    status: first.status,
    body: first.body,
    second: typeof second === "string" ? null : `${second.status} ${second.body}`,
  };
};

const length = "Content-Length: 5\r\n\r\nhello";
const chunked = "Transfer-Encoding: chunked\r\n\r\n";
const passed: [what: string, answer: string, status: number, body: string][] = [
  ["a plain one", `HTTP/1.1 200 OK\r\n${length}`, 200, "hello"],
  ["no reason", `HTTP/1.1 200\r\n${length}`, 200, "hello"],
  ["no reason behind a blank", `HTTP/1.1 200 \r\n${length}`, 200, "hello"],
  ["a blank more before the reason", `HTTP/1.1 200  OK\r\n${length}`, 200, "hello"],
  ["a reason above ASCII", `HTTP/1.1 200 Oriënté\r\n${length}`, 200, "hello"],
  ["a long reason", `HTTP/1.1 500 ${"x".repeat(2_000)}\r\n${length}`, 500, "hello"],
  [
    "HTTP/1.0 until the end",
    "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\nuntil the end",
    200,
    "until the end",
  ],
  ["HTTP/1.0 with a length", `HTTP/1.0 200 OK\r\n${length}`, 200, "hello"],
  [
    "neither length nor coding",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
    200,
    "until the end",
  ],
  ["no field at all", "HTTP/1.1 404 Not Found\r\n\r\n", 404, ""],
  ["chunks", `HTTP/1.1 200 OK\r\n${chunked}5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`, 200, "hello world"],
  [
    "chunks with extensions and zeros",
    `HTTP/1.1 200 OK\r\n${chunked}05;a=b;c="d"\r\nhello\r\n000\r\n\r\n`,
    200,
    "hello",
  ],
  [
    "chunks with trailers",
    `HTTP/1.1 200 OK\r\n${chunked}5\r\nhello\r\n0\r\nX-T: 1\r\nSet-Cookie: a=b\r\n\r\n`,
    200,
    "hello",
  ],
  ["204 with a length", `HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n`, 204, ""],
  ["204 with bytes behind it", `HTTP/1.1 204 No Content\r\n${length}`, 204, ""],
  ["304 with a length", `HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n`, 304, ""],
  ["304 with bytes behind it", `HTTP/1.1 304 Not Modified\r\n${length}`, 304, ""],
  ["301 without a length", "HTTP/1.1 301 Moved\r\nLocation: /x\r\nConnection: close\r\n\r\n", 301, ""],
  ["a status of its own", `HTTP/1.1 599 Odd\r\n${length}`, 599, "hello"],
  ["100 before", `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n${length}`, 200, "hello"],
  [
    "103 before, twice",
    `${"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(2)}HTTP/1.1 200 OK\r\n${length}`,
    200,
    "hello",
  ],
  [
    "a thousand of 102 before",
    `${"HTTP/1.1 102 Processing\r\n\r\n".repeat(1_000)}HTTP/1.1 200 OK\r\n${length}`,
    200,
    "hello",
  ],
  [
    "103 with a length",
    `HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\n${length}`,
    200,
    "hello",
  ],
  ["a field without a blank", `HTTP/1.1 200 OK\r\nServer:x\r\n${length}`, 200, "hello"],
  ["an underscore in a name", `HTTP/1.1 200 OK\r\nfoo_bar: x\r\n${length}`, 200, "hello"],
  ["an encoded one", `HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n${length}`, 200, "hello"],
  [
    "a second answer behind it",
    `HTTP/1.1 200 OK\r\n${length}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`,
    200,
    "hello",
  ],
  [
    "a second answer behind it, on a connection that stays",
    `HTTP/1.1 200 OK\r\nX: (stays)\r\n${length}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`,
    200,
    "hello",
  ],
  [
    "a second answer behind chunks",
    `HTTP/1.1 200 OK\r\nX: (stays)\r\n${chunked}0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`,
    200,
    "",
  ],
  ["a length too short", "HTTP/1.1 200 OK\r\nX: (stays)\r\nContent-Length: 2\r\n\r\nhello", 200, "he"],
];

describe("passes on, and goes on in step", () => {
  test.each(passed)("%s", async (_, text, status, body) => {
    expect(await outcome(text)).toEqual({ status, body, second: "200 marker" });
  });

  test.each([
    ["a length", `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n`],
    ["a body all the same", `HTTP/1.1 200 OK\r\n${length}`],
    ["chunks all the same", `HTTP/1.1 200 OK\r\n${chunked}5\r\nhello\r\n0\r\n\r\n`],
    ["neither", "HTTP/1.1 200 OK\r\n\r\n"],
  ])("HEAD with %s", async (_, text) => {
    expect(await outcome(text, "HEAD")).toEqual({ status: 200, body: "", second: "200 marker" });
  });
});

const ok = "HTTP/1.1 200 OK\r\n";
const bad: [what: string, answer: string][] = [
  ["almost HTTP", `HTP/1.1 200 OK\r\n${length}`],
  ["a digit more in the major version", `HTTP/01.1 200 OK\r\n${length}`],
  ["HTTP/11.1", `HTTP/11.1 200 OK\r\n${length}`],
  ["a digit more in the minor version", `HTTP/1.01 200 OK\r\n${length}`],
  ["HTTP/2.0", `HTTP/2.0 200 OK\r\n${length}`],
  ["HTTP/5.6", `HTTP/5.6 200 OK\r\n${length}`],
  ["HTTP/0.9: a body alone", "<html>hello</html>"],
  ["a tab behind the version", `HTTP/1.1\t200 OK\r\n${length}`],
  ["an empty line before it", `\r\n${ok}${length}`],
  ["a CR before it", `\r${ok}${length}`],
  ["two blanks before the status", `HTTP/1.1  200 OK\r\n${length}`],
  ["a status of one digit", `HTTP/1.1 2 OK\r\n${length}`],
  ["a status of four digits", `HTTP/1.1 2000 OK\r\n${length}`],
  ["a status of letters", `HTTP/1.1 abc OK\r\n${length}`],
  ["a status below 100", `HTTP/1.1 099 OK\r\n${length}`],
  ["a status above 599", `HTTP/1.1 600 OK\r\n${length}`],
  ["a CR in the reason", `HTTP/1.1 200 O\rK\r\n${length}`],
  ["LF alone", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"],
  ["LF alone behind a field", `${ok}X: y\n${length}`],
  ["CR alone behind a field", `${ok}X: y\rZ: a\r\n${length}`],
  ["a blank before the first field", `${ok} X: y\r\n${length}`],
  ["a folded field", `${ok}X: y\r\n z\r\n${length}`],
  ["a blank before the colon", `${ok}X : y\r\n${length}`],
  ["an empty name", `${ok}: y\r\n${length}`],
  ["no colon", `${ok}nonsense\r\n${length}`],
  ["NUL in a value", `${ok}X: a\0b\r\n${length}`],
  ["NUL in a name", `${ok}X\0: a\r\n${length}`],
  ["length and chunks", `${ok}Content-Length: 5\r\n${chunked}0\r\n\r\n`],
  ["two lengths", `${ok}Content-Length: 4\r\n${length}`],
  ["two lengths of the same", `${ok}Content-Length: 5\r\n${length}`],
  ["a list of lengths", `${ok}Content-Length: 5, 5\r\n\r\nhello`],
  ["a signed length", `${ok}Content-Length: +5\r\n\r\nhello`],
  ["a length below zero", `${ok}Content-Length: -5\r\n\r\nhello`],
  ["an empty length", `${ok}Content-Length:\r\n\r\nhello`],
  ["a length of 2^64", `${ok}Content-Length: 18446744073709551616\r\n\r\nhello`],
  ["identity for a coding", `${ok}Transfer-Encoding: identity\r\n\r\nhello`],
  ["a coding before chunked", `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  ["a coding behind chunked", `${ok}Transfer-Encoding: chunked, deflate\r\n\r\n0\r\n\r\n`],
  ["chunked twice", `${ok}Transfer-Encoding: chunked\r\n${chunked}0\r\n\r\n`],
  ["a vertical tab before chunked", `${ok}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`],
  [
    "101 that nobody asked for",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  ],
  ["a head beyond 32 KiB", `${ok}X: ${"y".repeat(40_000)}\r\n${length}`],
  ["200 fields", `${ok}${"X: y\r\n".repeat(200)}${length}`],
  ["a head without its end", `${ok}X: y\r\n`],
  ["only an interim answer", "HTTP/1.1 100 Continue\r\n\r\n"],
  ["nothing", ""],
];

describe("answers 502 in place of", () => {
  test.each(bad)("%s", async (_, text) => {
    const { status, body, second } = await outcome(text);
    expect(status).toBe(502);
    expect(body).not.toContain("hello");
    expect(second).toBe("200 marker");
  });
});

describe("answers 502 in place of a body whose first bytes are malformed already:", () => {
  const broken: [what: string, answer: string][] = [
    ["a chunk longer than its size", `${ok}${chunked}3\r\nhello\r\n0\r\n\r\n`],
    ["a size that is none", `${ok}${chunked}xyz\r\nhello\r\n0\r\n\r\n`],
    ["a size with a sign", `${ok}${chunked}+5\r\nhello\r\n0\r\n\r\n`],
    ["a size beyond a double", `${ok}${chunked}fffffffffffffffff\r\nhello`],
    ["LF alone behind a size", `${ok}${chunked}5\nhello\r\n0\r\n\r\n`],
    ["a blank behind a size", `${ok}${chunked}5 \r\nhello\r\n0\r\n\r\n`],
    ["a trailer that is none", `${ok}${chunked}5\r\nhello\r\n0\r\nnonsense\r\n\r\n`],
    ["a trailer that is folded", `${ok}${chunked}5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n`],
  ];
  test.each(broken)("%s", async (_, text) => {
    const { meter } = edge.edge.router.byId.get("site.test")!;
    const before = { ...meter };
    const { status, second } = await outcome(text);
    expect([status, second]).toEqual([502, "200 marker"]);
    const counted = [meter.requests - before.requests, meter.status2xx - before.status2xx];
    expect([...counted, meter.status5xx - before.status5xx]).toEqual([2, 1, 1]);
  });
});

describe("visibly breaks off", () => {
  const head = `${ok}${chunked}5\r\nhello\r\n`;
  const broken: [what: string, first: string, rest: string | null][] = [
    ["a length that is not reached", `${ok}Content-Length: 10\r\n\r\nhello`, null],
    ["chunks that do not end", head, null],
    ["a chunk that is cut", `${ok}${chunked}9\r\nhello`, null],
    ["a last chunk without its end", `${head}0\r\n`, null],
    ["a chunk that is malformed", head, "xyz\r\n"],
    ["a trailer that is malformed", head, "0\r\nnonsense\r\n\r\n"],
  ];
  test.each(broken)("%s", async (_, first, rest) => {
    later = rest;
    expect(await outcome(first)).toMatchObject({ status: 0, second: null });
    later = null;
  });
});
