import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connectH2, headers as h2Headers } from "../h2/testing/h2-client.ts";
import { Flag } from "../h2/protocol.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { connectRaw } from "../testing/raw-client.ts";
import { type RawUpstream, startOkUpstream } from "../testing/raw-upstream.ts";
import { type Authority, createAuthority } from "../tls/testing/authority.ts";
import { connectTls } from "../tls/testing/tls-client.ts";
import { startTlsEdge, type TlsFixture } from "../tls/testing/tls-fixture.ts";

/** Who asks for a name that is no site's learns nothing: not whether it was one, nor what serves the others. */

let authority: Authority;
let upstream: RawUpstream;
let edge: TlsFixture;
beforeAll(async () => {
  authority = createAuthority();
  upstream = startOkUpstream();
  const to = toPort(upstream.port);
  const routes = [
    routeTo(["site.test", "www.site.test"], to),
    routeTo(["a.base.test"], to),
    routeTo(["gone.base.test"], to),
  ];
  edge = await startTlsEdge(
    routes,
    [authority.issue(["site.test", "www.site.test"]), authority.issue(["*.base.test"])],
    { http2: true },
  );
  edge.route(routes.slice(0, 2));
});
afterAll(async () => {
  await edge.close();
  upstream.close();
  authority.remove();
});

const asked: [what: string, fields: string, body: string][] = [
  ["GET", "", ""],
  ["HEAD", "", ""],
  ["OPTIONS", "", ""],
  ["DELETE", "", ""],
  ["POST", "Content-Length: 5\r\n", "hello"],
  ["PUT", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"],
  [
    "GET",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "",
  ],
];
const hosts = [
  "never.test",
  "gone.base.test",
  "x.www.site.test",
  "site.test.evil.test",
  "127.0.0.1",
  "[::1]",
  "localhost",
  "base.test",
  "wsite.test",
  `${"long.".repeat(50)}x`,
];
const plain = (text: string): string => text.replace(/^Date: .*\r\n/m, "");

describe("over HTTP", () => {
  test.each(asked)("%s (%s)", async (method, fields, body) => {
    const answers = new Set<string>();
    for (const host of hosts) {
      const client = await connectRaw(edge.port);
      client.send(`${method} /x HTTP/1.1\r\nHost: ${host}\r\n${fields}Connection: close\r\n\r\n${body}`);
      answers.add(plain(await client.untilClosed()));
    }
    expect([...answers]).toEqual([
      `HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\nConnection: close\r\n\r\n${method === "HEAD" ? "" : "404 Not Found\n"}`,
    ]);
    expect(upstream.received()).toEqual([]);
  });
});

describe("over HTTPS", () => {
  test("a handshake for it is refused, before any certificate is shown", async () => {
    for (const name of ["never.test", "gone.other.test", "base.test", "x.a.base.test"])
      await expect(connectTls(edge.tlsPort, name, { rejectUnauthorized: false })).rejects.toThrow();
  });

  test("under a wildcard's certificate it gets the same 404, whether it once was a site or not", async () => {
    for (const [method, fields, body] of asked) {
      const answers = new Set<string>();
      for (const host of ["gone.base.test", "never.base.test"]) {
        const client = await connectTls(edge.tlsPort, host, { ca: authority.ca });
        client.send(`${method} /x HTTP/1.1\r\nHost: ${host}\r\n${fields}Connection: close\r\n\r\n${body}`);
        answers.add(plain(await client.until(() => false)));
      }
      expect(answers.size).toBe(1);
      expect([...answers][0]).toStartWith("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain");
    }
    expect(upstream.received()).toEqual([]);
  });

  test("on another site's connection a site and no site are told apart by nothing", async () => {
    const answers = new Set<string>();
    for (const host of ["a.base.test", "gone.base.test", "never.test"]) {
      const client = await connectTls(edge.tlsPort, "site.test", { ca: authority.ca });
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      answers.add(plain(await client.until(() => false)));
    }
    expect([...answers].map((text) => text.slice(0, 12))).toEqual(["HTTP/1.1 421"]);
  });
});

test("over HTTP/2", async () => {
  for (const [method, body] of [
    ["GET", ""],
    ["HEAD", ""],
    ["POST", "hello"],
  ] as const) {
    const answers = new Set<string>();
    for (const host of ["gone.base.test", "never.base.test"]) {
      const client = await connectH2(edge.tlsPort, authority.ca, undefined, host);
      const fields = [
        [":method", method],
        [":scheme", "https"],
        [":path", "/x"],
        [":authority", host],
      ] as const;
      client.send(
        h2Headers(1, [...fields], body === "" ? Flag.endStream | Flag.endHeaders : Flag.endHeaders),
      );
      if (body !== "")
        client.send(Buffer.concat([Buffer.from([0, 0, body.length, 0, 1, 0, 0, 0, 1]), Buffer.from(body)]));
      const answer = await client.answer(1);
      answer.fields.delete("date");
      answers.add(JSON.stringify([[...answer.fields], answer.body.toString()]));
      client.close();
    }
    expect([...answers]).toEqual([
      JSON.stringify([
        [
          [":status", "404"],
          ["content-type", "text/plain; charset=utf-8"],
          ["content-length", "14"],
        ],
        method === "HEAD" ? "" : "404 Not Found\n",
      ]),
    ]);
  }
  expect(upstream.received()).toEqual([]);
});
