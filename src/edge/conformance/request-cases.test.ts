import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type EdgeFixture, routeTo, startEdge, toPort } from "../testing/edge-fixture.ts";
import { connectRaw, exchangeRaw } from "../testing/raw-client.ts";
import { type RawUpstream, startOkUpstream } from "../testing/raw-upstream.ts";

/**
 * HTTP/1.1 requests as public suites ask for them (h1spec; the request fixtures of llhttp), each by what RFC 9110
 * and 9112 say of it. What must be refused for the sake of the upstream stands in `smuggling.test.ts`.
 */

let upstream: RawUpstream;
let edge: EdgeFixture;
beforeAll(() => {
  upstream = startOkUpstream();
  edge = startEdge([routeTo(["site.test", "localhost"], toPort(upstream.port))]);
});
afterAll(async () => {
  await edge.close();
  upstream.close();
});

const host = "Host: site.test\r\n";
const end = "Connection: close\r\n\r\n";
const statuses = (text: string): string[] => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, it]) => it!);

describe("waits for the rest of", () => {
  const whole = `GET /hello HTTP/1.1\r\n${host}\r\n`;
  const cuts = [
    "G",
    "GET ",
    "GET /hello",
    "GET /hello ",
    "GET /hello HTTP",
    "GET /hello HTTP/1.1",
    "GET /hello HTTP/1.1\r",
    "GET /hello HTTP/1.1\r\n",
    "GET /hello HTTP/1.1\r\nHos",
    "GET /hello HTTP/1.1\r\nHost:",
    "GET /hello HTTP/1.1\r\nHost: ",
    "GET /hello HTTP/1.1\r\nHost: site.test",
    "GET /hello HTTP/1.1\r\nHost: site.test\r",
    "GET /hello HTTP/1.1\r\nHost: site.test\r\n",
    "GET /hello HTTP/1.1\r\nHost: site.test\r\n\r",
  ];
  test.each(cuts)("%j", async (cut) => {
    const client = await connectRaw(edge.port);
    client.send(cut);
    await Bun.sleep(20);
    expect(client.text()).toBe("");
    client.send(whole.slice(cut.length));
    expect(await client.until((text) => text.endsWith("\r\nok"))).toStartWith("HTTP/1.1 200 ");
    client.close();
  });
});

const chunked = `${host}Transfer-Encoding: chunked\r\n`;
const taken: [what: string, request: string, answers?: string[]][] = [
  ["a plain GET", `GET / HTTP/1.1\r\n${host}${end}`],
  [
    "a name in mixed case, a tab for the blank, a value that is empty",
    `GET / HTTP/1.1\r\nhoSt:\tsite.test\r\nempty:\r\n${end}`,
  ],
  ["a value that is blank", `GET / HTTP/1.1\r\n${host}X-Empty: \r\n${end}`],
  [
    "curl's",
    `GET /test HTTP/1.1\r\nUser-Agent: curl/7.18.0 (i486-pc-linux-gnu) libcurl/7.18.0\r\nHost: localhost:5000\r\nAccept: */*\r\n${end}`,
  ],
  [
    "a browser's",
    `GET /favicon.ico HTTP/1.1\r\nHost: localhost:8000\r\nUser-Agent: Mozilla/5.0 (X11; U; Linux i686; en-US) Firefox/3.0\r\nAccept: text/html,*/*;q=0.8\r\nAccept-Language: en-us,en;q=0.5\r\nAccept-Encoding: gzip,deflate\r\nKeep-Alive: 300\r\nConnection: close\r\n\r\n`,
  ],
  ["a field that is but dots", `GET /dumbpack HTTP/1.1\r\n${host}aaaaaaaaaaaaa:++++++++++\r\n${end}`],
  ["a query with a question mark in it", `GET /test.cgi?foo=bar?baz HTTP/1.1\r\n${host}${end}`],
  ["an encoded target", `GET /with_%22stupid%22_quotes?foo=%22bar%22 HTTP/1.1\r\n${host}${end}`],
  ["raw quotes in a target", `GET /with_"stupid"_quotes?foo="bar" HTTP/1.1\r\n${host}${end}`],
  ["two slashes before a path", `GET //evil.test/x HTTP/1.1\r\n${host}${end}`],
  ["only a query in absolute form", `GET http://site.test?hail=all HTTP/1.1\r\n${host}${end}`],
  [
    "absolute form with a port",
    `GET http://site.test:1234?hail=all HTTP/1.1\r\nHost: site.test:1234\r\n${end}`,
  ],
  ["absolute form of https", `GET https://site.test/x HTTP/1.1\r\n${host}${end}`],
  ["OPTIONS of all", `OPTIONS * HTTP/1.1\r\n${host}${end}`],
  ...[
    "MKACTIVITY",
    "M-SEARCH",
    "PATCH",
    "PURGE",
    "SEARCH",
    "LINK",
    "UNLINK",
    "REPORT",
    "MKCOL",
    "PROPFIND",
    "LOCK",
    "QUERY",
    "SOURCE",
  ].map((method): [string, string] => [`the method ${method}`, `${method} / HTTP/1.1\r\n${host}${end}`]),
  ["one empty line before it", `\r\nGET /test HTTP/1.1\r\n${host}${end}`],
  ["a length", `POST / HTTP/1.1\r\n${host}Content-Length: 5\r\n${end}hello`],
  ["a length with zeros before it", `POST / HTTP/1.1\r\n${host}Content-Length: 005\r\n${end}hello`],
  ["a length with blanks behind it", `POST / HTTP/1.1\r\n${host}Content-Length: 5  \r\n${end}hello`],
  ["a length of nothing", `POST / HTTP/1.1\r\n${host}Content-Length: 0\r\n${end}`],
  ["GET with a body", `GET /get_funky HTTP/1.1\r\n${host}Content-Length: 5\r\n${end}HELLO`],
  ["PUT of a mebibyte", `PUT / HTTP/1.1\r\n${host}Content-Length: 1048576\r\n${end}${"x".repeat(2 ** 20)}`],
  ["DELETE without a body", `DELETE / HTTP/1.1\r\n${host}${end}`],
  ["chunks in upper case", `POST / HTTP/1.1\r\n${chunked}${end}1E\r\n${"x".repeat(30)}\r\n000\r\n\r\n`],
  ["two chunks and zeros", `POST / HTTP/1.1\r\n${chunked}${end}5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n`],
  ["trailers", `POST / HTTP/1.1\r\n${chunked}${end}5\r\nhello\r\n0\r\nVary: *\r\nX-Sum: 1\r\n\r\n`],
  [
    "extensions of chunks",
    `POST / HTTP/1.1\r\n${chunked}${end}5;ilovew3;somuchlove=aretheseparametersfor\r\nhello\r\n6;blah;foo=bar\r\n world\r\n0\r\n\r\n`,
  ],
  [
    "a quoted extension",
    `POST / HTTP/1.1\r\n${chunked}${end}5;ilovew3="I \\"love\\"; this"\r\nhello\r\n0\r\n\r\n`,
  ],
  ["CHUNKED in capitals", `POST / HTTP/1.1\r\n${host}Transfer-Encoding: CHUNKED\r\n${end}0\r\n\r\n`],
  ["bytes above ASCII in a value", `GET / HTTP/1.1\r\n${host}X: \xc3\xa9\xff\r\n${end}`],
  ["a tab in a value", `GET / HTTP/1.1\r\n${host}X: a\tb\r\n${end}`],
  ["Connection as a list with blanks", `GET / HTTP/1.1\r\n${host}Connection: foo,  close , bar\r\n\r\n`],
  ["Connection in capitals", `GET / HTTP/1.1\r\n${host}CONNECTION: CLOSE\r\n\r\n`],
  ["two Connection fields", `GET / HTTP/1.1\r\n${host}Connection: keep-alive\r\nConnection: close\r\n\r\n`],
  [
    "an upgrade that is not WebSocket",
    `GET /demo HTTP/1.1\r\n${host}Upgrade: ninja\r\nConnection: Upgrade, close\r\n\r\n`,
  ],
  ["HTTP/1.0, which ends the connection", `GET / HTTP/1.0\r\n${host}\r\n`],
  [
    "HTTP/1.0 that keeps it",
    `GET /a HTTP/1.0\r\n${host}Connection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n${host}\r\n`,
    ["200", "200"],
  ],
  ["two requests at once", `GET /a HTTP/1.1\r\n${host}\r\nGET /b HTTP/1.1\r\n${host}${end}`, ["200", "200"]],
  [
    "two with bodies at once",
    `POST /a HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhelloPOST /b HTTP/1.1\r\n${chunked}${end}1\r\nx\r\n0\r\n\r\n`,
    ["200", "200"],
  ],
  [
    "an empty line between two",
    `POST /a HTTP/1.1\r\n${host}Content-Length: 1\r\n\r\nx\r\nGET /b HTTP/1.1\r\n${host}${end}`,
    ["200", "200"],
  ],
  ["nothing behind Connection: close", `GET /a HTTP/1.1\r\n${host}${end}GET /b HTTP/1.1\r\n${host}${end}`],
];

describe("takes", () => {
  test.each(taken)("%s", async (_, request, answers = ["200"]) => {
    expect(statuses(await exchangeRaw(edge.port, request))).toEqual(answers);
  });

  test("a body that was announced by Expect", async () => {
    const client = await connectRaw(edge.port);
    client.send(`POST / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 5\r\n${end}`);
    client.send("hello");
    expect(statuses(await client.untilClosed()).at(-1)).toBe("200");
  });
});

const refused: [what: string, status: string, request: string][] = [
  ["no version behind a blank", "400", "GET / \r\n\r\n"],
  ["a protocol of its own", "400", `GET /music/sweet/music ICE/1.0\r\n${host}\r\n`],
  ["RTSP", "400", `PUT /music/sweet/music RTSP/1.0\r\n${host}\r\n`],
  ["almost HTTP", "400", `GET /music IHTTP/1.0\r\n${host}\r\n`],
  ["HTTP/5.6", "505", `GET / HTTP/5.6\r\n${host}\r\n`],
  ["HTTP/9.9", "505", `GET / HTTP/9.9\r\n${host}\r\n`],
  ["HTTP/01.1", "505", `GET / HTTP/01.1\r\n${host}\r\n`],
  ["a bell in a value", "400", `GET / HTTP/1.1\r\n${host}X-Bad: test\x07\r\n\r\n`],
  ["an at sign in a name", "400", `GET / HTTP/1.1\r\n${host}Fo@: Failure\r\n\r\n`],
  ["a control byte in a name", "400", `GET / HTTP/1.1\r\n${host}Foo\x01\test: Bar\r\n\r\n`],
  ["words before the method", "400", `Extra lineGET / HTTP/1.1\r\n${host}\r\n`],
  ["a CR among fields", "400", `GET / HTTP/1.1\r\n${host}\rSome-Header: Test\r\n\r\n`],
  [
    "a CR in place of a line's end",
    "400",
    `POST / HTTP/1.1\r\n${host}x:\rTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n`,
  ],
  [
    "a LF in place of a line's end",
    "400",
    `POST / HTTP/1.1\r\n${host}x:\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n`,
  ],
  ["a name folded", "400", `GET / HTTP/1.1\r\n${host}name\r\n : value\r\n\r\n`],
  ["a broken Connection", "400", `GET / HTTP/1.1\r\n${host}Connection\r\x1b5\xd5eep-Alive\r\n\r\n`],
  ["letters for a length", "400", `POST / HTTP/1.1\r\n${host}Content-Length: abc\r\n\r\n`],
  [
    "a length far below zero",
    "400",
    `POST / HTTP/1.1\r\n${host}Content-Length: -123456789123456789123456789\r\n\r\n`,
  ],
  ["a length with a letter", "400", `POST / HTTP/1.1\r\n${host}Content-Length: 4 2\r\n\r\nxxxx`],
  ["a length of 2^64", "400", `POST / HTTP/1.1\r\n${host}Content-Length: 18446744073709551616\r\n\r\n`],
  ["a length that is folded", "400", `POST / HTTP/1.1\r\n${host}Content-Length:\r\n 5\r\n\r\nhello`],
  [
    "chunked between others",
    "400",
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: deflate, chunked, gzip\r\n\r\n`,
  ],
  ["pigeons for a coding", "400", `PUT /url HTTP/1.1\r\n${host}Transfer-Encoding: pigeons\r\n\r\n`],
  [
    "a coding that ends on a comma",
    "400",
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n`,
  ],
  [
    "Transfer-Encoding with a blank before the colon",
    "400",
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
  ],
  ["a carriage return in a method", "400", `GE\rT / HTTP/1.1\r\n${host}\r\n`],
  ["a tab in a target", "400", `GET /foo\tbar HTTP/1.1\r\n${host}\r\n`],
  ["UTF-8 in a target", "400", `GET /δ¶/δt/pope?q=1 HTTP/1.1\r\n${host}\r\n`],
  ["a form feed in a target", "400", `GET /foo\fbar HTTP/1.1\r\n${host}\r\n`],
  ["a target of another scheme", "400", `GET gopher://site.test/ HTTP/1.1\r\n${host}\r\n`],
  ["an authority that starts with a port", "400", `GET http://:80/ HTTP/1.1\r\n${host}\r\n`],
  ["a port with letters", "400", `GET http://site.test:8x/ HTTP/1.1\r\n${host}\r\n`],
  [
    "LF alone everywhere",
    "400",
    "POST / HTTP/1.1\nTransfer-Encoding: chunked\nHost: site.test\n\n1\nA\n0\n\n",
  ],
  [
    "a method of another protocol's",
    "405",
    `CONNECT site.test:443 HTTP/1.0\r\nHost: site.test:443\r\nUser-agent: Mozilla/1.1N\r\nProxy-authorization: basic aGVsbG86d29ybGQ=\r\n\r\n`,
  ],
];

describe("refuses", () => {
  test.each(refused)("%s: %s", async (_, status, request) => {
    const before = upstream.received().join("").length;
    expect(statuses(await exchangeRaw(edge.port, request))).toEqual([status]);
    expect(upstream.received().join("").length).toBe(before);
  });

  test.each([
    ["a head", `HEAD / HTTP/1.1\r\n${host}X : y\r\n\r\n`],
    ["an expectation", `HEAD / HTTP/1.1\r\n${host}Expect: later\r\n\r\n`],
    ["a head too large", `HEAD / HTTP/1.1\r\n${host}X: ${"y".repeat(40_000)}\r\n\r\n`],
    ["a target too long", `\r\nHEAD /${"y".repeat(20_000)} HTTP/1.1\r\n${host}\r\n`],
    ["a body", `HEAD / HTTP/1.1\r\n${chunked}\r\nxyz\r\n`],
  ])("HEAD without a body of its own, for %s", async (_, request) => {
    expect(await exchangeRaw(edge.port, request)).toMatch(/^HTTP\/1\.1 4\d\d [^]*\r\n\r\n$/);
  });
});
