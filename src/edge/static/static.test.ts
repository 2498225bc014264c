import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EdgeFixture, routeTo, startEdge } from "../testing/edge-fixture.ts";
import { connectRaw } from "../testing/raw-client.ts";

let fixture: EdgeFixture;
const root = mkdtempSync(join(tmpdir(), "croft-static-"));
const folder = join(root, "release");
const big = Buffer.alloc(20_000_000, "0123456789abcdef");

beforeAll(async () => {
  const files: Record<string, string | Buffer> = {
    "index.html": "<h1>home</h1>",
    "404.html": "<h1>lost</h1>",
    "app.js": "console.log(1)",
    "empty.txt": "",
    "ten.txt": "0123456789",
    "sub/index.html": "<h1>sub</h1>",
    "sub/page.html": "<h1>page</h1>",
    "bare/file.txt": "x",
    "with space/index.html": "<h1>space</h1>",
    "gr\u00fc\u00dfe.txt": "servus",
    ".env": "SECRET=1",
    ".git/config": "[core]",
    "sub/.htpasswd": "a:b",
    ".well-known/acme": "token",
    "big.bin": big,
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  writeFileSync(join(root, "secret.txt"), "canary");
  mkdirSync(join(root, "release-other"));
  writeFileSync(join(root, "release-other", "secret.txt"), "canary");
  symlinkSync("../secret.txt", join(folder, "escape.txt"));
  symlinkSync("/etc/passwd", join(folder, "passwd"));
  symlinkSync("..", join(folder, "up"));
  symlinkSync("../release-other", join(folder, "other"));
  symlinkSync("ten.txt", join(folder, "inside.txt"));
  symlinkSync("loop", join(folder, "loop"));
  symlinkSync(folder, join(root, "current"));
  await Bun.spawn(["mkfifo", join(folder, "pipe")]).exited;
  fixture = startEdge([
    routeTo(["static.test"], { kind: "static", folder }),
    routeTo(["linked.test"], { kind: "static", folder: join(root, "current") }),
    routeTo(["gone.test"], { kind: "static", folder: join(root, "nothing") }),
    routeTo(["plain.test"], { kind: "static", folder: join(folder, "bare") }),
  ]);
});
afterAll(async () => {
  await fixture.close();
  rmSync(root, { recursive: true });
});

interface Answer {
  status: number;
  head: string;
  body: string;
}
/** By raw bytes, since a client library would tidy the path. */
const ask = async (path: string, fields = "", method = "GET", host = "static.test"): Promise<Answer> => {
  const client = await connectRaw(fixture.port);
  client.send(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${fields}\r\n`);
  const text = await client.untilClosed();
  const end = text.indexOf("\r\n\r\n");
  return { status: Number(text.slice(9, 12)), head: text.slice(0, end + 2), body: text.slice(end + 4) };
};
const field = (answer: Answer, name: string): string | undefined =>
  new RegExp(`\r\n${name}: (.*)\r\n`, "i").exec(answer.head)?.[1];

describe("files", () => {
  const served: [path: string, type: string, body: string][] = [
    ["/", "text/html; charset=utf-8", "<h1>home</h1>"],
    ["/?a=b", "text/html; charset=utf-8", "<h1>home</h1>"],
    ["/app.js", "text/javascript; charset=utf-8", "console.log(1)"],
    ["/sub/", "text/html; charset=utf-8", "<h1>sub</h1>"],
    ["/sub/page.html", "text/html; charset=utf-8", "<h1>page</h1>"],
    ["//sub//page.html", "text/html; charset=utf-8", "<h1>page</h1>"],
    ["/with%20space/", "text/html; charset=utf-8", "<h1>space</h1>"],
    ["/gr%C3%BC%C3%9Fe.txt", "text/plain; charset=utf-8", "servus"],
    ["/inside.txt", "text/plain; charset=utf-8", "0123456789"],
    ["/.well-known/acme", "application/octet-stream", "token"],
    ["/empty.txt", "text/plain; charset=utf-8", ""],
  ];
  test.each(served)("%s", async (path, type, body) => {
    const answer = await ask(path);
    expect(answer.status).toBe(200);
    expect(field(answer, "Content-Type")).toBe(type);
    expect(field(answer, "Content-Length")).toBe(String(body.length));
    expect(field(answer, "X-Content-Type-Options")).toBe("nosniff");
    expect(answer.body).toBe(body);
  });

  test("a folder's address gets its slash, and cannot lead to another host", async () => {
    const answer = await ask("/sub?x=1");
    expect(answer.status).toBe(301);
    expect(field(answer, "Location")).toBe("/sub/?x=1");
    expect(field(await ask("//sub"), "Location")).toBe("/sub/");
    expect(field(await ask("/with%20space"), "Location")).toBe("/with%20space/");
  });

  test("HEAD has the fields without the body; other methods are refused", async () => {
    const head = await ask("/ten.txt", "", "HEAD");
    expect([head.status, field(head, "Content-Length"), head.body]).toEqual([200, "10", ""]);
    const post = await ask("/ten.txt", "Content-Length: 0\r\n", "POST");
    expect([post.status, field(post, "Allow")]).toEqual([405, "GET, HEAD"]);
    expect((await ask("/ten.txt", "", "DELETE")).status).toBe(405);
  });

  test("through a linked release folder", async () => {
    expect((await ask("/ten.txt", "", "GET", "linked.test")).body).toBe("0123456789");
  });
});

describe("nothing else", () => {
  const hidden = [
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "/sub/../../secret.txt",
    "/sub/%2e%2e/%2e%2e/secret.txt",
    "/..\\secret.txt",
    "/%5c..%5csecret.txt",
    "/sub%2fpage.html",
    "/./ten.txt",
    "/ten.txt%00.html",
    "/%ff",
    "/%",
    "/escape.txt",
    "/passwd",
    "/up/secret.txt",
    "/other/secret.txt",
    "/loop",
    "/pipe",
    "/.env",
    "/.git/config",
    "/sub/.htpasswd",
    "/sub/.well-known/x",
    "/.well-known/",
    "/bare/",
    "/ten.txt/",
    "/ten.txt/x",
    "/nothing",
    `/${"x".repeat(5000)}`,
  ];
  test.each(hidden)("%s -> 404", async (path) => {
    const answer = await ask(path);
    expect(answer.status).toBe(404);
    expect(answer.body).toBe("<h1>lost</h1>");
  });

  test("without a 404.html, and without a folder, the edge's own page", async () => {
    for (const host of ["plain.test", "gone.test"]) {
      const answer = await ask("/nothing", "", "GET", host);
      expect(answer.status).toBe(404);
      expect(answer.body).toContain("There is nothing at this address.");
    }
  });
});

describe("conditions and ranges", () => {
  test("a known version is answered 304, by tag before date", async () => {
    const first = await ask("/ten.txt");
    const tag = field(first, "ETag")!;
    const date = field(first, "Last-Modified")!;
    for (const fields of [
      `If-None-Match: ${tag}\r\n`,
      `If-None-Match: "x", W/${tag}\r\n`,
      "If-None-Match: *\r\n",
      `If-Modified-Since: ${date}\r\n`,
    ]) {
      const answer = await ask("/ten.txt", fields);
      expect([answer.status, answer.body]).toEqual([304, ""]);
      expect(field(answer, "ETag")).toBe(tag);
    }
    expect((await ask("/ten.txt", `If-None-Match: "x"\r\nIf-Modified-Since: ${date}\r\n`)).status).toBe(200);
    expect((await ask("/ten.txt", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n")).status).toBe(200);
    utimesSync(join(folder, "ten.txt"), 1_000_000, 1_000_000);
    expect((await ask("/ten.txt", `If-None-Match: ${tag}\r\n`)).status).toBe(200);
  });

  const ranges: [string, number, string, string | undefined][] = [
    ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
    ["bytes=4-", 206, "456789", "bytes 4-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=-30", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=8-100", 206, "89", "bytes 8-9/10"],
    ["bytes=9-9", 206, "9", "bytes 9-9/10"],
    ["bytes=10-", 416, "", "bytes */10"],
    ["bytes=-0", 416, "", "bytes */10"],
    ["bytes=5-2", 200, "0123456789", undefined],
    ["bytes=0-1,3-4", 200, "0123456789", undefined],
    ["lines=0-1", 200, "0123456789", undefined],
    ["bytes=a-b", 200, "0123456789", undefined],
  ];
  test.each(ranges)("%s", async (range, status, body, contentRange) => {
    const answer = await ask("/ten.txt", `Range: ${range}\r\n`);
    expect([answer.status, answer.body, field(answer, "Content-Range")]).toEqual([
      status,
      body,
      contentRange,
    ]);
  });

  test("If-Range: only of the version that the visitor has", async () => {
    const tag = field(await ask("/ten.txt"), "ETag")!;
    expect((await ask("/ten.txt", `Range: bytes=0-1\r\nIf-Range: ${tag}\r\n`)).body).toBe("01");
    expect((await ask("/ten.txt", 'Range: bytes=0-1\r\nIf-Range: "x"\r\n')).status).toBe(200);
  });
});

describe("large files", () => {
  test("arrive whole", async () => {
    const client = await connectRaw(fixture.port);
    client.send("GET /big.bin HTTP/1.1\r\nHost: static.test\r\nConnection: close\r\n\r\n");
    await client.untilClosed(20_000);
    const bytes = client.bytes();
    expect(bytes.subarray(bytes.indexOf("\r\n\r\n") + 4).equals(big)).toBe(true);
  });

  test("pipelined behind one another stay in order", async () => {
    const client = await connectRaw(fixture.port);
    const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: static.test\r\n\r\n`;
    client.send(request("/ten.txt") + request("/big.bin") + request("/ten.txt"));
    await client.until((text) => text.length > big.length && text.endsWith("0123456789"), 20_000);
    expect(client.text().match(/HTTP\/1\.1 200/g)).toHaveLength(3);
    client.close();
  });

  test("a visitor who leaves ends the reading", async () => {
    const { meter } = fixture.edge.router.byId.get("static.test")!;
    const client = await connectRaw(fixture.port);
    client.socket.pause();
    client.send("GET /big.bin HTTP/1.1\r\nHost: static.test\r\n\r\n");
    const before = meter.bytesOut;
    while (meter.bytesOut === before) await Bun.sleep(1);
    await Bun.sleep(50);
    expect(meter.bytesOut - before).toBeLessThan(big.length);
    client.socket.terminate();
    while (meter.active > 0) await Bun.sleep(1);
  });
});
