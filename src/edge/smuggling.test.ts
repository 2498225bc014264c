import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type EdgeFixture, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";
import { type RawUpstream, startOkUpstream } from "./testing/raw-upstream.ts";

/** Whatever two servers could read differently is answered by the edge and never reaches a site. */

let upstream: RawUpstream;
let fixture: EdgeFixture;

beforeAll(() => {
  upstream = startOkUpstream();
  fixture = startEdge([routeTo(["site.test"], toPort(upstream.port))]);
});
afterAll(async () => {
  await fixture.close();
  upstream.close();
});

const host = "Host: site.test\r\n";
const big = "x".repeat(40_000);

const refused: [name: string, status: number, request: string][] = [
  ["no host", 400, "GET / HTTP/1.1\r\n\r\n"],
  ["no host in HTTP/1.0", 400, "GET / HTTP/1.0\r\n\r\n"],
  ["two hosts", 400, `GET / HTTP/1.1\r\n${host}Host: other.test\r\n\r\n`],
  ["two equal hosts", 400, `GET / HTTP/1.1\r\n${host}${host}\r\n`],
  ["empty host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"],
  ["host with user info", 400, "GET / HTTP/1.1\r\nHost: a@site.test\r\n\r\n"],
  ["host with path", 400, "GET / HTTP/1.1\r\nHost: site.test/x\r\n\r\n"],
  ["host with space", 400, "GET / HTTP/1.1\r\nHost: site.test other\r\n\r\n"],
  ["host list", 400, "GET / HTTP/1.1\r\nHost: site.test, other.test\r\n\r\n"],
  ["host with a bad port", 400, "GET / HTTP/1.1\r\nHost: site.test:8a\r\n\r\n"],
  ["host with a long port", 400, "GET / HTTP/1.1\r\nHost: site.test:123456\r\n\r\n"],
  ["host with a port that there is not", 400, "GET / HTTP/1.1\r\nHost: site.test:65536\r\n\r\n"],
  ["host with percent-encoding", 400, "GET / HTTP/1.1\r\nHost: site%2etest\r\n\r\n"],
  ["unclosed IP literal", 400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"],
  ["space before the colon of Host", 400, "GET / HTTP/1.1\r\nHost : site.test\r\n\r\n"],
  ["space before a colon", 400, `GET / HTTP/1.1\r\n${host}X : 1\r\n\r\n`],
  ["tab before a colon", 400, `GET / HTTP/1.1\r\n${host}X\t: 1\r\n\r\n`],
  [
    "Content-Length with a space before the colon",
    400,
    `POST / HTTP/1.1\r\n${host}Content-Length : 3\r\n\r\nabc`,
  ],
  [
    "length and chunked",
    400,
    `POST / HTTP/1.1\r\n${host}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG`,
  ],
  [
    "chunked and length",
    400,
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG`,
  ],
  ["two lengths", 400, `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`],
  ["two equal lengths", 400, `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`],
  ["length list", 400, `POST / HTTP/1.1\r\n${host}Content-Length: 3, 3\r\n\r\nabc`],
  ["signed length", 400, `POST / HTTP/1.1\r\n${host}Content-Length: +3\r\n\r\nabc`],
  ["negative length", 400, `POST / HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`],
  ["hexadecimal length", 400, `POST / HTTP/1.1\r\n${host}Content-Length: 0x3\r\n\r\nabc`],
  ["length with exponent", 400, `POST / HTTP/1.1\r\n${host}Content-Length: 1e1\r\n\r\nabc`],
  ["empty length", 400, `POST / HTTP/1.1\r\n${host}Content-Length:\r\n\r\n`],
  ["length beyond a double", 400, `POST / HTTP/1.1\r\n${host}Content-Length: 9999999999999999\r\n\r\n`],
  [
    "two codings",
    400,
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ["coding list", 400, `POST / HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  [
    "chunked twice in a list",
    400,
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    "chunked then identity",
    400,
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
  ],
  ["identity coding", 400, `POST / HTTP/1.1\r\n${host}Transfer-Encoding: identity\r\n\r\n`],
  ["unknown coding", 400, `POST / HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\n\r\n`],
  ["quoted coding", 400, `POST / HTTP/1.1\r\n${host}Transfer-Encoding: "chunked"\r\n\r\n`],
  ["coding with parameter", 400, `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked;q=1\r\n\r\n`],
  ["coding after vertical tab", 400, `POST / HTTP/1.1\r\n${host}Transfer-Encoding: \x0bchunked\r\n\r\n`],
  ["empty coding", 400, `POST / HTTP/1.1\r\n${host}Transfer-Encoding:\r\n\r\n`],
  ["chunked in HTTP/1.0", 400, `POST / HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ["folded coding", 400, `POST / HTTP/1.1\r\n${host}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`],
  ["folded line", 400, `GET / HTTP/1.1\r\n${host}X: a\r\n b\r\n\r\n`],
  ["folded by tab", 400, `GET / HTTP/1.1\r\n${host}X: a\r\n\tb\r\n\r\n`],
  ["space before the first field", 400, `GET / HTTP/1.1\r\n ${host}\r\n`],
  ["bare LF lines", 400, "GET / HTTP/1.1\nHost: site.test\n\n"],
  ["bare LF after the request line", 400, `GET / HTTP/1.1\n${host}\r\n`],
  ["bare LF in a field", 400, `GET / HTTP/1.1\r\n${host}X: a\nContent-Length: 5\r\n\r\n`],
  ["bare LF at the end", 400, `GET / HTTP/1.1\r\n${host}\n`],
  ["bare CR in a value", 400, `GET / HTTP/1.1\r\n${host}X: a\rContent-Length: 5\r\n\r\n`],
  ["bare CR in a name", 400, `GET / HTTP/1.1\r\n${host}X\rY: a\r\n\r\n`],
  ["bare CR at the end", 400, `GET / HTTP/1.1\r\n${host}\rX\n`],
  ["CR CR LF", 400, `GET / HTTP/1.1\r\n${host}X: a\r\r\n\r\n`],
  ["NUL in a value", 400, `GET / HTTP/1.1\r\n${host}X: a\0b\r\n\r\n`],
  ["NUL in a name", 400, `GET / HTTP/1.1\r\n${host}X\0Y: b\r\n\r\n`],
  ["NUL in the target", 400, `GET /\0 HTTP/1.1\r\n${host}\r\n`],
  ["NUL in the host", 400, "GET / HTTP/1.1\r\nHost: site.test\0.other\r\n\r\n"],
  ["DEL in a value", 400, `GET / HTTP/1.1\r\n${host}X: \x7f\r\n\r\n`],
  ["empty name", 400, `GET / HTTP/1.1\r\n${host}: x\r\n\r\n`],
  ["line without colon", 400, `GET / HTTP/1.1\r\n${host}nonsense\r\n\r\n`],
  ["brackets in a name", 400, `GET / HTTP/1.1\r\n${host}X[]: 1\r\n\r\n`],
  ["bytes above ASCII in a name", 400, `GET / HTTP/1.1\r\n${host}X\xe9: 1\r\n\r\n`],
  ["two spaces after the method", 400, `GET  / HTTP/1.1\r\n${host}\r\n`],
  ["two spaces before the version", 400, `GET /  HTTP/1.1\r\n${host}\r\n`],
  ["tab in the request line", 400, `GET\t/ HTTP/1.1\r\n${host}\r\n`],
  ["space in the target", 400, `GET /a b HTTP/1.1\r\n${host}\r\n`],
  ["space after the version", 400, `GET / HTTP/1.1 \r\n${host}\r\n`],
  ["fragment in the target", 400, `GET /#x HTTP/1.1\r\n${host}\r\n`],
  ["bytes above ASCII in the target", 400, `GET /\xe9 HTTP/1.1\r\n${host}\r\n`],
  ["target without slash", 400, `GET x HTTP/1.1\r\n${host}\r\n`],
  ["asterisk with GET", 400, `GET * HTTP/1.1\r\n${host}\r\n`],
  ["no target", 400, `GET HTTP/1.1\r\n${host}\r\n`],
  ["HTTP/0.9", 400, "GET /\r\n\r\n"],
  ["lower-case version", 400, `GET / http/1.1\r\n${host}\r\n`],
  ["another protocol", 400, `GET / ICY/1.1\r\n${host}\r\n`],
  ["version without minor", 400, `GET / HTTP/1\r\n${host}\r\n`],
  ["version with two digits", 400, `GET / HTTP/1.10\r\n${host}\r\n`],
  ["HTTP/1.2", 505, `GET / HTTP/1.2\r\n${host}\r\n`],
  ["HTTP/2.0", 505, `GET / HTTP/2.0\r\n${host}\r\n`],
  ["the preface of HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["method with bracket", 400, `G(T / HTTP/1.1\r\n${host}\r\n`],
  ["endless method", 400, `${"G".repeat(40)} / HTTP/1.1\r\n${host}\r\n`],
  ["binary rubbish", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ["authority differs from Host", 400, `GET http://other.test/ HTTP/1.1\r\n${host}\r\n`],
  ["authority is a suffix of Host", 400, `GET http://x.site.test/ HTTP/1.1\r\n${host}\r\n`],
  ["Host is longer than the authority", 400, "GET http://site.test/ HTTP/1.1\r\nHost: x.site.test\r\n\r\n"],
  ["authority with another port", 400, `GET http://site.test:81/ HTTP/1.1\r\n${host}\r\n`],
  ["authority with user info", 400, `GET http://a@site.test/ HTTP/1.1\r\n${host}\r\n`],
  ["empty authority", 400, `GET http:///x HTTP/1.1\r\n${host}\r\n`],
  ["another scheme", 400, `GET ftp://site.test/ HTTP/1.1\r\n${host}\r\n`],
  ["CONNECT", 405, "CONNECT site.test:443 HTTP/1.1\r\nHost: site.test:443\r\n\r\n"],
  ["TRACE", 405, `TRACE / HTTP/1.1\r\n${host}\r\n`],
  ["unknown expectation", 417, `POST / HTTP/1.1\r\n${host}Expect: 200-ok\r\nContent-Length: 1\r\n\r\na`],
  ["huge head", 431, `GET / HTTP/1.1\r\n${host}X: ${big}\r\n\r\n`],
  ["huge head that never ends", 431, `GET / HTTP/1.1\r\n${host}X: ${big}`],
  ["many fields", 431, `GET / HTTP/1.1\r\n${host}${"X: 1\r\n".repeat(200)}\r\n`],
  ["huge target", 414, `GET /${"x".repeat(20_000)} HTTP/1.1\r\n${host}\r\n`],
  ["two empty lines before the request", 400, `\r\n\r\nGET / HTTP/1.1\r\n${host}\r\n`],
  ["body larger than allowed", 413, `POST / HTTP/1.1\r\n${host}Content-Length: 1000000001\r\n\r\n`],
];

describe("refused, never forwarded", () => {
  test.each(refused)("%s -> %i", async (_name, status, request) => {
    const before = upstream.received().join("").length;
    const client = await connectRaw(fixture.port);
    // What follows on the connection must not be read as a request of its own.
    client.send(`${request}`);
    const text = await client.until((text) => text.includes("\r\n\r\n"));
    expect(text).toStartWith(`HTTP/1.1 ${status} `);
    client.send(`GET /smuggled HTTP/1.1\r\n${host}\r\n`);
    await client.untilClosed();
    expect(client.text().match(/HTTP\/1\.1 \d{3}/g)).toHaveLength(1);
    expect(client.text()).toContain("Connection: close");
    expect(upstream.received().join("").length).toBe(before);
  });
});

const badChunks: [name: string, body: string][] = [
  ["size is not hexadecimal", "g\r\nx\r\n0\r\n\r\n"],
  ["empty size", "\r\nabc\r\n0\r\n\r\n"],
  ["size with 0x", "0x3\r\nabc\r\n0\r\n\r\n"],
  ["signed size", "+3\r\nabc\r\n0\r\n\r\n"],
  ["negative size", "-1\r\nabc\r\n0\r\n\r\n"],
  ["space before the size", " 3\r\nabc\r\n0\r\n\r\n"],
  ["space after the size", "3 \r\nabc\r\n0\r\n\r\n"],
  ["tab after the size", "3\t\r\nabc\r\n0\r\n\r\n"],
  ["overflowing size", "fffffffffffffffff3\r\nabc\r\n0\r\n\r\n"],
  ["size of 2^52 by leading zeros", "0000000000003\r\nabc\r\n0\r\n\r\n"],
  ["underscore in the size", "1_0\r\nabc\r\n0\r\n\r\n"],
  ["bare LF after the size", "3\nabc\r\n0\r\n\r\n"],
  ["bare CR after the size", "3\rabc\r\n0\r\n\r\n"],
  ["bare LF after the data", "3\r\nabc\n0\r\n\r\n"],
  ["data longer than its size", "3\r\nabcd\r\n0\r\n\r\n"],
  ["data without its end", "3\r\nabc0\r\n\r\n"],
  ["bare LF in an extension", "3;a=b\nabc\r\n0\r\n\r\n"],
  ["bare CR in an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n"],
  ["NUL in an extension", "3;\0\r\nabc\r\n0\r\n\r\n"],
  ["endless extension", `3;${"a".repeat(300)}\r\nabc\r\n0\r\n\r\n`],
  ["bare LF after the last chunk", "3\r\nabc\r\n0\n\r\n"],
  ["bare LF at the end", "3\r\nabc\r\n0\r\n\n"],
  ["trailer without colon", "3\r\nabc\r\n0\r\nnonsense\r\n\r\n"],
  ["trailer with a space before the colon", "3\r\nabc\r\n0\r\nX : 1\r\n\r\n"],
  ["folded trailer", "3\r\nabc\r\n0\r\nX: 1\r\n 2\r\n\r\n"],
  ["trailer with NUL", "3\r\nabc\r\n0\r\nX: \0\r\n\r\n"],
];

const chunkedPost = `POST /chunks HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`;
const behind = `GET /smuggled HTTP/1.1\r\n${host}\r\n`;

describe("malformed chunks that come with the head: the site hears nothing", () => {
  test.each(badChunks)("%s", async (_name, body) => {
    const client = await connectRaw(fixture.port);
    const before = upstream.received().join("").length;
    client.send(`${chunkedPost}${body}${behind}`);
    await client.untilClosed();
    expect(client.text()).toStartWith("HTTP/1.1 400 ");
    expect(client.text().match(/HTTP\/1\.1 \d{3}/g)).toHaveLength(1);
    expect(upstream.received().join("").length).toBe(before);
  });
});

describe("malformed chunks later on: the site sees neither their end nor what is behind", () => {
  const later = `3\r\nabc\r\n0\r\n${"X: 1234567890\r\n".repeat(800)}\r\n`;
  test.each([...badChunks, ["endless trailers", later] as [string, string]])("%s", async (_name, body) => {
    const client = await connectRaw(fixture.port);
    const before = upstream.received().map((text) => text.length);
    const seen = (): string =>
      upstream
        .received()
        .map((text, at) => text.slice(before[at] ?? 0))
        .join("");
    client.send(`${chunkedPost}5\r\nfirst\r\n`);
    while (!seen().includes("first")) await Bun.sleep(5);
    client.send(`${body}${behind}`);
    await client.untilClosed();
    expect(client.text()).toStartWith("HTTP/1.1 400 ");
    expect(client.text().match(/HTTP\/1\.1 \d{3}/g)).toHaveLength(1);
    expect(seen()).not.toContain("0\r\n\r\n");
    expect(upstream.received().join("")).not.toContain("/smuggled");
  });
});

describe("forwarded in one reading", () => {
  const forwarded = async (request: string): Promise<string> => {
    const before = upstream.received().map((text) => text.length);
    const client = await connectRaw(fixture.port);
    client.send(request);
    const text = await client.until((text) => text.endsWith("\r\nok") || / (4|5)\d\d /.test(text));
    client.close();
    expect(text).toStartWith("HTTP/1.1 200 ");
    return upstream
      .received()
      .map((text, at) => text.slice(before[at] ?? 0))
      .join("");
  };

  test("absolute form becomes origin form", async () => {
    const seen = await forwarded("GET http://SITE.test/a?b HTTP/1.1\r\nHost: site.TEST\r\n\r\n");
    expect(seen).toStartWith("GET /a?b HTTP/1.1\r\nHost: site.TEST\r\n");
  });
  test("absolute form without a path", async () => {
    expect(await forwarded(`GET http://site.test?q HTTP/1.1\r\n${host}\r\n`)).toStartWith(
      "GET /?q HTTP/1.1\r\n",
    );
    expect(await forwarded(`GET http://site.test HTTP/1.1\r\n${host}\r\n`)).toStartWith("GET / HTTP/1.1\r\n");
  });
  test("one empty line before the request", async () => {
    expect(await forwarded(`\r\nGET / HTTP/1.1\r\n${host}\r\n`)).toStartWith("GET / HTTP/1.1\r\n");
  });
  test("odd blanks around values are made even", async () => {
    const seen = await forwarded(`GET / HTTP/1.1\r\nHost:\t site.test \t\r\nX:  a  b \r\nY:\r\nZ:c\r\n\r\n`);
    expect(seen).toContain("\r\nHost: site.test\r\nX: a  b\r\nY:\r\nZ:c\r\n");
  });
  test("host with port, root dot and upper case", async () => {
    expect(await forwarded("GET / HTTP/1.1\r\nHost: SITE.test.:8080\r\n\r\n")).toContain(
      "Host: SITE.test.:8080\r\n",
    );
  });
  test("chunk extensions and chunk borders end at the edge", async () => {
    const seen = await forwarded(
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: Chunked\r\n\r\n3;x=y;z="q"\r\nabc\r\n2\r\nde\r\n00\r\nX-Sum: 1\r\nContent-Length: 3\r\nHost: evil\r\n\r\n`,
    );
    expect(seen).toContain("Transfer-Encoding: chunked\r\n");
    expect(seen).not.toContain("x=y");
    expect(seen).toEndWith("0\r\nX-Sum: 1\r\n\r\n");
    expect(seen).not.toMatch(/evil|Content-Length/);
  });
  test("hop-by-hop fields, named ones included, and claims of provenance are dropped", async () => {
    const seen = await forwarded(
      `GET / HTTP/1.1\r\n${host}Connection: X-Private, close, cookie\r\nX-Private: 1\r\nCookie: a=b\r\nKeep-Alive: 5\r\n` +
        "Proxy-Connection: x\r\nTE: trailers\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nProxy: evil\r\n" +
        "X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nx-forwarded-proto: gopher\r\nForwarded: for=6.6.6.6\r\n" +
        "X-Real-IP: 6.6.6.6\r\nX-Request-ID: evil\r\nX-Forwarded-Prefix: /evil\r\nContent_Length: 5\r\nX_Other: kept\r\n\r\n",
    );
    const id = /X-Request-Id: [0-9a-f]{12}-[0-9a-f]+\r\n/;
    expect(seen).toMatch(id);
    expect(seen.replace(id, "")).toBe(
      `GET / HTTP/1.1\r\n${host}Cookie: a=b\r\nX_Other: kept\r\n` +
        "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nForwarded: for=127.0.0.1;proto=http\r\n" +
        "X-Forwarded-Host: site.test\r\n\r\n",
    );
  });
  test("a head that comes byte by byte", async () => {
    const client = await connectRaw(fixture.port);
    for (const byte of `GET /slow HTTP/1.1\r\n${host}X: y\r\n\r\n`) {
      client.send(byte);
      await Bun.sleep(0);
    }
    await client.until((text) => text.endsWith("\r\nok"));
    client.close();
    expect(upstream.received().join("")).toContain("GET /slow HTTP/1.1\r\n");
  });
});

test("an unknown host gets a plain 404 that says nothing, and the connection goes on", async () => {
  const client = await connectRaw(fixture.port);
  client.send("GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n");
  const text = await client.until((text) => text.endsWith("404 Not Found\n"));
  expect(text).not.toMatch(/croft|site/i);
  client.send(`GET / HTTP/1.1\r\n${host}\r\n`);
  await client.until((text) => text.endsWith("\r\nok"));
  client.close();
});
