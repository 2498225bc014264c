import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { type EdgeFixture, routeTo, startEdge, toPort } from "../testing/edge-fixture.ts";
import { connectRaw, exchangeRaw } from "../testing/raw-client.ts";
import { type RawUpstream, startRawUpstream } from "../testing/raw-upstream.ts";

let fixture: EdgeFixture;
beforeAll(() => {
  fixture = startEdge([]);
});
afterAll(() => fixture.close());

const words = Array.from({ length: 20_000 }, (_, i) => `line ${i * 7919}\n`).join("");
const html = "Content-Type: text/html; charset=utf-8\r\n";
const sized = (fields: string, body: string, status = "200 OK"): string =>
  `HTTP/1.1 ${status}\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;

const serving = (answer: string, closes = false): RawUpstream => {
  const upstream = startRawUpstream((text, socket) => {
    if (!text.endsWith("\r\n\r\n")) return undefined;
    if (!closes) {
      // In pieces, since a socket takes so much at once.
      let rest = Buffer.from(answer, "latin1");
      const push = (): void => {
        const written = socket.write(rest);
        rest = rest.subarray(Math.max(0, written));
        if (rest.length > 0) setTimeout(push, 1);
      };
      push();
      return undefined;
    }
    socket.write(answer);
    socket.end();
    return undefined;
  });
  fixture.route([{ ...routeTo(["site.test"], toPort(upstream.port)), rules: { compression: true } }]);
  return upstream;
};

interface Got {
  head: string;
  body: Uint8Array;
}
const got = (answer: string): Got => {
  const at = answer.indexOf("\r\n\r\n");
  const head = answer.slice(0, at + 2);
  const raw = Buffer.from(answer.slice(at + 4), "latin1");
  if (!/transfer-encoding: chunked/i.test(head)) return { head, body: raw };
  const parts: Uint8Array[] = [];
  for (let i = 0; ;) {
    const line = raw.indexOf("\r\n", i);
    const size = Number.parseInt(raw.toString("latin1", i, line), 16);
    if (size === 0) return { head, body: Buffer.concat(parts) };
    parts.push(raw.subarray(line + 2, line + 2 + size));
    i = line + 4 + size;
  }
};
const ask = async (fields = "Accept-Encoding: gzip\r\n", method = "GET"): Promise<Got> =>
  got(
    await exchangeRaw(
      fixture.port,
      `${method} / HTTP/1.1\r\nHost: site.test\r\n${fields}Connection: close\r\n\r\n`,
    ),
  );
const isCoded = ({ head }: Got): boolean => /\r\ncontent-encoding:/i.test(head);

describe("what is compressed", () => {
  test("by what the visitor accepts, whole and in order, with a weak tag and without a length", async () => {
    const upstream = serving(sized(`${html}ETag: "one"\r\nVary: Cookie\r\n`, words));
    const gzip = await ask();
    expect(gunzipSync(gzip.body).toString()).toBe(words);
    expect(gzip.head).toContain('\r\nETag: W/"one"\r\n');
    expect(gzip.head).toContain("\r\nContent-Encoding: gzip\r\n");
    expect(gzip.head).toContain("\r\nVary: Cookie\r\nVary: Accept-Encoding\r\n");
    expect(gzip.head).not.toMatch(/content-length/i);
    const zstd = await ask("Accept-Encoding: gzip, br, zstd\r\n");
    expect(Buffer.from(Bun.zstdDecompressSync(zstd.body)).toString()).toBe(words);
    expect(isCoded(await ask(""))).toBe(false);
    expect(isCoded(await ask("Accept-Encoding: gzip;q=0\r\n"))).toBe(false);
    expect(isCoded(await ask("Accept-Encoding: br\r\n"))).toBe(false);
    expect((await ask("")).body.length).toBe(words.length);
    upstream.close();
  });

  test("chunked answers, answers that end with the connection, and what follows on the visitor's", async () => {
    const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
    const head = `HTTP/1.1 200 OK\r\n${html}`;
    let upstream = serving(
      `${head}Transfer-Encoding: chunked\r\n\r\n${chunk("one ")}${chunk("two ".repeat(500))}0\r\n\r\n`,
    );
    expect(gunzipSync((await ask()).body).toString()).toBe(`one ${"two ".repeat(500)}`);
    const client = await connectRaw(fixture.port);
    const get = "GET / HTTP/1.1\r\nHost: site.test\r\nAccept-Encoding: gzip\r\n\r\n";
    client.send(get);
    await client.until((text) => text.endsWith("\r\n0\r\n\r\n"));
    client.send(get);
    await client.until((text) => text.split("HTTP/1.1 200").length === 3 && text.endsWith("\r\n0\r\n\r\n"));
    client.close();
    upstream.close();
    upstream = serving(`${head}\r\n${words.slice(0, 5_000)}`, true);
    expect(gunzipSync((await ask()).body).toString()).toBe(words.slice(0, 5_000));
    upstream.close();
  });

  test.each(["gzip", "zstd"])("a part that an app sends early is not kept back: %s", async (coding) => {
    const upstream = startRawUpstream((text) =>
      text.endsWith("\r\n\r\n")
        ? `HTTP/1.1 200 OK\r\n${html}Transfer-Encoding: chunked\r\n\r\n6\r\nearly!\r\n`
        : undefined,
    );
    fixture.route([{ ...routeTo(["site.test"], toPort(upstream.port)), rules: { compression: true } }]);
    const client = await connectRaw(fixture.port);
    client.send(`GET / HTTP/1.1\r\nHost: site.test\r\nAccept-Encoding: ${coding}\r\n\r\n`);
    // Larger than what a compressor begins with: the words are in it.
    await client.until((text) => /\r\n\r\n[^]{15,}\r\n$/.test(text));
    client.close();
    upstream.close();
  });

  test("a visitor who does not read holds the app up, and one who leaves frees it", async () => {
    const random = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("latin1");
    let sent = 0;
    let closed = false;
    const upstream = startRawUpstream((text, socket) => {
      if (!text.endsWith("\r\n\r\n")) return undefined;
      socket.write(`HTTP/1.1 200 OK\r\n${html}Content-Length: 900000000\r\n\r\n`);
      const push = (): void => {
        if (closed) return;
        for (let i = 0; i < 20; i++) {
          const written = socket.write(Buffer.from(random, "latin1"));
          if (written <= 0) break;
          sent += written;
        }
        setTimeout(push, 1);
      };
      push();
      return undefined;
    });
    fixture.route([{ ...routeTo(["site.test"], toPort(upstream.port)), rules: { compression: true } }]);
    const client = await connectRaw(fixture.port);
    client.send("GET / HTTP/1.1\r\nHost: site.test\r\nAccept-Encoding: gzip\r\n\r\n");
    await client.until((text) => text.length > 100_000);
    client.socket.pause();
    const isHeldUp = (): boolean =>
      [...fixture.edge.visitors].some(
        ({ exchange, out }) => exchange?.upstream?.paused === true && out.pendingBytes > 0,
      );
    // Moments of it come and go until the kernel's buffers are full on both sides.
    for (let times = 0; times < 20; times = isHeldUp() ? times + 1 : 0) await Bun.sleep(10);
    expect(sent).toBeLessThan(100_000_000);
    client.socket.terminate();
    while (fixture.edge.router.byHost.get("site.test")!.meter.active > 0) await Bun.sleep(5);
    closed = true;
    upstream.close();
  });
});

test.each([
  ["small", sized(html, "x".repeat(1_023))],
  ["encoded already", sized(`${html}Content-Encoding: br\r\n`, words)],
  ["not to be transformed", sized(`${html}Cache-Control: public, no-transform\r\n`, words)],
  ["a picture", sized("Content-Type: image/png\r\n", words)],
  ["of no type", sized("", words)],
  ["an event stream", sized("Content-Type: text/event-stream\r\n", words)],
  ["a part", sized(`${html}Content-Range: bytes 0-9/10\r\n`, words, "206 Partial Content")],
])("an answer is passed on as it is: %s", async (_, answer) => {
  const upstream = serving(answer);
  expect(isCoded(await ask()) && !answer.includes("Content-Encoding")).toBe(false);
  expect((await ask()).head).toMatch(/\r\nContent-Length: \d+\r\n/);
  upstream.close();
});

test("with credentials only for requests of the site itself", async () => {
  const upstream = serving(sized(html, words));
  const coded = async (fields: string) => isCoded(await ask(`Accept-Encoding: gzip\r\n${fields}`));
  for (const from of ["cross-site", "same-site"]) {
    expect(await coded(`Cookie: a=b\r\nSec-Fetch-Site: ${from}\r\n`)).toBe(false);
    expect(await coded(`Authorization: Bearer x\r\nSec-Fetch-Site: ${from}\r\n`)).toBe(false);
    expect(await coded(`Sec-Fetch-Site: ${from}\r\n`)).toBe(true);
  }
  for (const from of ["same-origin", "none"])
    expect(await coded(`Cookie: a=b\r\nSec-Fetch-Site: ${from}\r\n`)).toBe(true);
  expect(await coded("Cookie: a=b\r\n")).toBe(true);
  upstream.close();
});

test("an answer that breaks off does not look whole", async () => {
  const upstream = serving(
    `HTTP/1.1 200 OK\r\n${html}Content-Length: 9000\r\n\r\n${"x".repeat(4_000)}`,
    true,
  );
  const client = await connectRaw(fixture.port);
  client.send("GET / HTTP/1.1\r\nHost: site.test\r\nAccept-Encoding: gzip\r\n\r\n");
  expect(await client.untilClosed()).not.toEndWith("\r\n0\r\n\r\n");
  upstream.close();
});
