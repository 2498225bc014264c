import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { MB } from "../../domain/size.ts";
import { nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

// What README and panel promise of the edge's rules, sentence by sentence, on a real daemon, edge and app.

setDefaultTimeout(120_000);

let croft: TestCroft;
const files = uniqueSlug("files");
const app = uniqueSlug("app");

const server = `require("node:http").createServer((request, answer) => {
  let bytes = 0;
  request.on("data", (chunk) => (bytes += chunk.length));
  request.on("end", () => {
    answer.statusCode = request.url === "/missing" ? 404 : request.url === "/broken" ? 500 : 200;
    answer.setHeader("Content-Type", request.url.startsWith("/image") ? "image/png" : "text/html");
    answer.setHeader("X-Frame-Options", "SAMEORIGIN");
    answer.setHeader("X-Bytes", bytes);
    answer.end("<p>the app's own words</p>".repeat(request.url.endsWith("large") ? 200 : 1));
  });
}).listen(process.env.PORT);`;

const script = "x".repeat(5_000);

beforeAll(async () => {
  croft = await startCroft();
  await croft.createSite(files, { type: "static" });
  await croft.createSite(app);
  for (const [slug, content] of [
    [
      files,
      {
        "index.html": "<h1>home</h1>",
        "sub/index.html": "sub",
        "app.js": script,
        "app.js.gz": gzipSync(script).toString("latin1"),
        "app.js.br": "as brotli",
      },
    ],
    [app, nodeApp(server)],
  ] as const) {
    const { exitCode, output } = await croft.push(slug, content);
    expect(exitCode, output).toBe(0);
  }
});
afterAll(() => croft?.destroy());

const rules = async (slug: string, change: object): Promise<void> => {
  const { status, body } = await croft.api("PUT", `/sites/${slug}/rules`, change);
  expect(status, JSON.stringify(body)).toBe(200);
};
const visit = (slug: string, path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  croft.visit(`${slug}.localhost`, path, { ...init, headers, decompress: false } as RequestInit);

test("static files have ETag and ranges, folders a slash, and nothing outside is reached", async () => {
  const whole = await visit(files, "/app.js");
  expect([whole.status, whole.body.length, whole.headers.get("accept-ranges")]).toEqual([
    200,
    5_000,
    "bytes",
  ]);
  const etag = whole.headers.get("etag")!;
  expect((await visit(files, "/app.js", { "If-None-Match": etag })).status).toBe(304);
  const part = await visit(files, "/app.js", { Range: "bytes=10-19" });
  expect([part.status, part.body.length, part.headers.get("content-range")]).toEqual([
    206,
    10,
    "bytes 10-19/5000",
  ]);
  expect((await visit(files, "/app.js", { Range: "bytes=9000-" })).status).toBe(416);
  expect((await visit(files, "/app.js", { Range: "bytes=0-9", "If-Range": '"another"' })).status).toBe(200);
  const folder = await visit(files, "/sub");
  expect([folder.status, new URL(folder.headers.get("location")!, "http://x").pathname]).toEqual([
    301,
    "/sub/",
  ]);
  expect((await visit(files, "/sub/")).body).toBe("sub");
  expect((await visit(files, "/..%2f..%2fetc/passwd")).status).toBe(404);
  expect((await visit(files, "/", {}, { method: "POST", body: "x" })).status).toBe(405);
});

test("compressed files beside others are sent only when the site says so, to who takes them", async () => {
  expect((await visit(files, "/app.js", { "Accept-Encoding": "br" })).headers.get("content-encoding")).toBe(
    null,
  );
  await rules(files, { precompressed: true });
  const coded = async (accepted: string) => {
    const { headers } = await visit(files, "/app.js", { "Accept-Encoding": accepted });
    expect(headers.get("vary")).toBe("Accept-Encoding");
    expect(headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    return [headers.get("content-encoding"), headers.get("etag")];
  };
  const [brotli, gzip, refused, plain] = [
    await coded("gzip, br"),
    await coded("gzip"),
    await coded("br;q=0, gzip"),
    await coded("identity"),
  ];
  expect([brotli[0], gzip[0], refused[0], plain[0]]).toEqual(["br", "gzip", "gzip", null]);
  // Other bytes, another tag: a cache must not mix them up.
  expect(new Set([brotli[1], gzip[1], plain[1]]).size).toBe(3);
});

test("a browser's own routes get /index.html, missing files still 404 with the site's page", async () => {
  expect((await visit(files, "/deep/link")).status).toBe(404);
  await rules(files, { spaFallback: true, pages: { notFound: "<p>lost" } });
  const route = await visit(files, "/deep/link?x=1");
  expect([route.status, route.body]).toEqual([200, "<h1>home</h1>"]);
  const missing = await visit(files, "/missing.png");
  expect([missing.status, missing.body]).toEqual([404, "<p>lost"]);
});

test("redirects: the longest path decides, below it all, the query stays; methods are kept by 307 and 308", async () => {
  await rules(app, {
    redirects: [
      { from: "/blog", to: "/log", status: 301, prefix: true },
      { from: "/blog/old", to: "https://example.org/archive?all=1", status: 302 },
      { from: "/form", to: "/form2" },
    ],
  });
  const leads = async (path: string) => {
    const { status, headers } = await visit(app, path);
    const to = headers.get("location");
    return [status, to && to.replace(`http://${app}.localhost:${croft.edgePort}`, "")];
  };
  expect(await leads("/blog")).toEqual([301, "/log"]);
  expect(await leads("/blog/a/b?q=1")).toEqual([301, "/log/a/b?q=1"]);
  expect(await leads("/blog/old?q=1")).toEqual([302, "https://example.org/archive?all=1"]);
  expect(await leads("/blogs")).toEqual([200, null]);
  expect((await visit(app, "/form", {}, { method: "POST", body: "x" })).status).toBe(308);
  await rules(app, { redirects: [] });
});

test("fields take the place of the app's own; its own errors pass, what the edge says has the site's page", async () => {
  await rules(app, {
    responseHeaders: [{ name: "X-Frame-Options", value: "DENY" }],
    pages: { notFound: "<p>lost", error: "<p>away" },
  });
  const page = await visit(app, "/");
  expect(page.headers.get("x-frame-options")).toBe("DENY");
  for (const [path, status] of [
    ["/missing", 404],
    ["/broken", 500],
  ] as const)
    expect(await visit(app, path)).toMatchObject({ status, body: "<p>the app's own words</p>" });
  expect((await croft.cli(["site", "stop", app])).exitCode).toBe(0);
  const away = await until(
    "it is stopped",
    () => visit(app, "/"),
    ({ status }) => status === 503,
  );
  expect([away.body, away.headers.get("x-frame-options")]).toEqual(["<p>away", "DENY"]);
  expect((await croft.cli(["site", "start", app])).exitCode).toBe(0);
  await until(
    "it runs",
    () => visit(app, "/"),
    ({ status }) => status === 200,
  );
});

test("bodies up to the limit reach the app, one byte more is 413, with and without a length", async () => {
  await croft.api("PUT", `/sites/${app}/limits`, { maxBodyBytes: MB });
  const send = (bytes: number, chunked: boolean) => {
    const body = new Uint8Array(bytes);
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes; at += 65_536) controller.enqueue(body.subarray(at, at + 65_536));
        controller.close();
      },
    });
    return visit(app, "/", {}, { method: "POST", body: chunked ? stream : body });
  };
  for (const chunked of [false, true]) {
    const whole = await until(
      "the limit holds",
      () => send(MB, chunked),
      ({ status }) => status === 200,
    );
    expect(whole.headers.get("x-bytes")).toBe(String(MB));
    expect((await send(MB + 1, chunked)).status).toBe(413);
  }
});

test("compression is off until it is asked for, leaves alone what is compressed, and strangers' requests with credentials", async () => {
  const coding = async (path: string, headers: Record<string, string> = {}) =>
    (await visit(app, path, { "Accept-Encoding": "gzip, zstd", ...headers })).headers.get("content-encoding");
  expect(await coding("/large")).toBe(null);
  await rules(app, { compression: true });
  expect(await coding("/large")).toBe("zstd");
  expect(await coding("/large", { "Accept-Encoding": "gzip" })).toBe("gzip");
  expect(await coding("/image-large")).toBe(null);
  expect(await coding("/")).toBe(null);
  const cookie = { Cookie: "session=1" };
  expect(await coding("/large", { ...cookie, "Sec-Fetch-Site": "same-origin" })).toBe("zstd");
  expect(await coding("/large", { ...cookie, "Sec-Fetch-Site": "same-site" })).toBe(null);
  expect(await coding("/large", { ...cookie, "Sec-Fetch-Site": "cross-site" })).toBe(null);
  expect(await coding("/large", { "Sec-Fetch-Site": "cross-site" })).toBe("zstd");
});

test("networks come before maintenance, that before the password, and that before redirects", async () => {
  await rules(app, {
    deny: ["127.0.0.0/8"],
    maintenance: { retryAfterSeconds: 30 },
    basicAuth: [{ name: "ada", password: "love lace" }],
    redirects: [{ from: "/old", to: "/new", status: 301 }],
  });
  const status = async (headers: Record<string, string> = {}) => (await visit(app, "/old", headers)).status;
  expect(await status()).toBe(403);
  await rules(app, { deny: [] });
  expect(await status()).toBe(503);
  await rules(app, { maintenance: null });
  expect(await status()).toBe(401);
  expect(await status({ Authorization: `Basic ${btoa("ada:love lace")}` })).toBe(301);
  await rules(app, { basicAuth: [], redirects: [], allow: ["192.0.2.0/24"] });
  expect(await status()).toBe(403);
});
