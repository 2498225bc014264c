import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RouteRules, RouteTarget } from "../../domain/edge.ts";
import { type EdgeFixture, routeTo, startEdge, toPort } from "../testing/edge-fixture.ts";
import { connectRaw, exchangeRaw } from "../testing/raw-client.ts";
import { type RawUpstream, startOkUpstream, startRawUpstream } from "../testing/raw-upstream.ts";

let fixture: EdgeFixture;
let upstream: RawUpstream;
beforeAll(() => {
  upstream = startOkUpstream();
  fixture = startEdge([]);
});
afterAll(async () => {
  await fixture.close();
  upstream.close();
});

const rule = (rules: RouteRules, target: RouteTarget = toPort(upstream.port), id = "site"): void =>
  fixture.route([{ ...routeTo(["site.test"], target, {}, id), rules }]);
const get = (path = "/", fields = ""): Promise<string> =>
  exchangeRaw(fixture.port, `GET ${path} HTTP/1.1\r\nHost: site.test\r\n${fields}Connection: close\r\n\r\n`);
const statusOf = (answer: string): number => Number(answer.slice(9, 12));
const locationOf = (answer: string): string | undefined => /\r\nLocation: (.*)\r\n/.exec(answer)?.[1];

describe("redirects", () => {
  test("exact ones and the longest prefix; the query stays unless the goal has one", async () => {
    rule({
      redirects: [
        { from: "/old", to: "/new", status: 301, prefix: false },
        { from: "/ask", to: "/answer?by=edge", status: 302, prefix: false },
        { from: "/blog", to: "/log/", status: 308, prefix: true },
        { from: "/blog/2020/", to: "https://archive.test/2020#top", status: 307, prefix: true },
      ],
    });
    const moved = async (path: string) => {
      const answer = await get(path);
      return [statusOf(answer), locationOf(answer)];
    };
    expect(await moved("/old?a=1")).toEqual([301, "/new?a=1"]);
    expect(await moved("/ask?a=1")).toEqual([302, "/answer?by=edge"]);
    expect(await moved("/blog")).toEqual([308, "/log/"]);
    expect(await moved("/blog/a/b?c")).toEqual([308, "/log/a/b?c"]);
    expect(await moved("/blog/2020/05?x=1")).toEqual([307, "https://archive.test/2020/05?x=1#top"]);
    for (const path of ["/older", "/old/", "/blogs", "/"]) expect((await moved(path))[0], path).toBe(200);
  });

  test("what follows a prefix never names another host", async () => {
    rule({
      redirects: [
        { from: "/go", to: "https://safe.test", status: 308, prefix: true },
        { from: "/up/", to: "/", status: 308, prefix: true },
      ],
    });
    expect(locationOf(await get("/go/.evil.test"))).toBe("https://safe.test/.evil.test");
    expect(locationOf(await get("/go//evil.test"))).toBe("https://safe.test/evil.test");
    expect(locationOf(await get("/up//evil.test"))).toBe("/evil.test");
    expect(locationOf(await get("/up/%5cevil.test"))).toBe("/%5cevil.test");
  });
});

describe("who may", () => {
  test("deny goes before allow; both families", async () => {
    rule({ allow: ["127.0.0.0/8"] });
    expect(statusOf(await get())).toBe(200);
    rule({ allow: ["127.0.0.0/8", "::1"], deny: ["127.0.0.1/32"] });
    expect(statusOf(await get())).toBe(403);
    rule({ allow: ["2001:db8::/32"] });
    expect(statusOf(await get())).toBe(403);
  });

  const basic = (text: string): string => `Authorization: Basic ${Buffer.from(text).toString("base64")}\r\n`;

  test("basic authentication: asked for, verified once, known over tables, forgotten with the password", async () => {
    const users = [
      {
        name: "ada",
        passwordHash: await Bun.password.hash("love lace", {
          algorithm: "argon2id",
          memoryCost: 8192,
          timeCost: 1,
        }),
      },
    ];
    rule({ users });
    const asked = await get();
    expect(statusOf(asked)).toBe(401);
    expect(asked).toContain('\r\nWWW-Authenticate: Basic realm="site", charset="UTF-8"\r\n');
    for (const wrong of ["ada:", "ada:love", "eve:love lace", "adalove lace", ":"])
      expect(statusOf(await get("/", basic(wrong))), wrong).toBe(401);
    expect(statusOf(await get("/", "Authorization: Bearer x\r\n"))).toBe(401);
    expect(statusOf(await get("/", basic("ada:love lace")))).toBe(200);
    const { passwords } = fixture.edge.router.byHost.get("site.test")!.rules!;
    expect([...passwords!.known.values()].filter(Boolean)).toHaveLength(1);
    rule({ users, responseHeaders: [] });
    expect(fixture.edge.router.byHost.get("site.test")!.rules!.passwords).toBe(passwords);
    rule({ users: [{ ...users[0]!, name: "eve" }] });
    expect(statusOf(await get("/", basic("ada:love lace")))).toBe(401);
  });

  test("a body sent along waits for the password, and arrives whole", async () => {
    const users = [
      {
        name: "ada",
        passwordHash: await Bun.password.hash("love lace", {
          algorithm: "argon2id",
          memoryCost: 8192,
          timeCost: 1,
        }),
      },
    ];
    rule({ users }, toPort(upstream.port), "posted");
    const client = await connectRaw(fixture.port);
    const before = upstream.received().join("").length;
    client.send(
      `POST / HTTP/1.1\r\nHost: site.test\r\n${basic("ada:love lace")}Content-Length: 200000\r\n\r\n${"b".repeat(200_000)}` +
        `GET /second HTTP/1.1\r\nHost: site.test\r\n${basic("ada:love lace")}\r\n`,
    );
    await client.until((text) => text.split("HTTP/1.1 200").length === 3);
    client.close();
    const received = upstream.received().join("").slice(before);
    expect(received.split("b".repeat(200_000))).toHaveLength(2);
    expect(received).toContain("GET /second");
  });

  test("guesses are computed a few at a time", async () => {
    const users = [{ name: "ada", passwordHash: await Bun.password.hash("love lace") }];
    rule({ users }, toPort(upstream.port), "guessed");
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => get("/", basic(`ada:guess ${i}`)).then(statusOf)),
    );
    expect(new Set(answers)).toEqual(new Set([401, 503]));
    expect(answers.filter((status) => status === 401).length).toBeGreaterThanOrEqual(8);
  });
});

describe("answers", () => {
  test("fields replace the app's own, and stand on the edge's pages too", async () => {
    const talkative = startRawUpstream((text) =>
      text.endsWith("\r\n\r\n")
        ? "HTTP/1.1 200 OK\r\nx-frame-options: ALLOWALL\r\nX-Other: 1\r\nContent-Length: 2\r\n\r\nok"
        : undefined,
    );
    const responseHeaders = [
      { name: "X-Frame-Options", value: "DENY" },
      { name: "Cache-Control", value: "max-age=60" },
    ];
    rule({ responseHeaders }, toPort(talkative.port));
    const answer = await get();
    expect(answer.match(/x-frame-options: .*/gi)).toEqual(["X-Frame-Options: DENY"]);
    expect(answer).toContain("\r\nX-Other: 1\r\n");
    expect(answer).toContain("\r\nCache-Control: max-age=60\r\n");
    talkative.close();
    rule({ responseHeaders }, { kind: "replicas", replicas: [] });
    const page = await get();
    expect(page).toContain("\r\nX-Frame-Options: DENY\r\n");
    expect(page.match(/cache-control: .*/gi)).toEqual(["Cache-Control: no-store"]);
  });

  test("maintenance and the edge's own errors show the site's pages, what the app answers is its own", async () => {
    const pages = { notFound: "<p>lost", error: "<p>broken", maintenance: "<p>painting" };
    rule({ pages, maintenance: { retryAfterSeconds: 90 } });
    const closed = await get();
    expect(closed).toStartWith("HTTP/1.1 503 ");
    expect(closed).toContain("\r\nRetry-After: 90\r\n");
    expect(closed).toEndWith("<p>painting");
    rule({ pages }, { kind: "replicas", replicas: [] });
    expect(await get()).toEndWith("<p>broken");
    const failing = startRawUpstream((text) =>
      text.endsWith("\r\n\r\n") ? "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nmine" : undefined,
    );
    rule({ pages }, toPort(failing.port));
    expect(await get()).toEndWith("mine");
    failing.close();
  });
});

describe("static sites", () => {
  const folder = mkdtempSync(join(tmpdir(), "croft-rules-"));
  beforeAll(() => {
    mkdirSync(join(folder, "assets"));
    writeFileSync(join(folder, "index.html"), "app");
    writeFileSync(join(folder, "assets/app.js"), "plain");
    writeFileSync(join(folder, "assets/app.js.br"), "B");
    writeFileSync(join(folder, "assets/app.js.gz"), "GG");
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const files = (rules: RouteRules): void => rule(rules, { kind: "static", folder });

  test("a path without a file is the browser's to route; a missing file is missing", async () => {
    files({ spaFallback: true, pages: { notFound: "<p>lost" } });
    expect(await get("/users/7?tab=a")).toEndWith("\r\n\r\napp");
    expect(await get("/users/7/")).toEndWith("\r\n\r\napp");
    const missing = await get("/assets/gone.js");
    expect(missing).toStartWith("HTTP/1.1 404");
    expect(missing).toEndWith("<p>lost");
    expect(await get("/.env")).toStartWith("HTTP/1.1 404");
  });

  test("the smallest accepted coding is sent, with its type, and caches are told", async () => {
    files({ precompressed: true });
    const js = (accept: string) => get("/assets/app.js", `Accept-Encoding: ${accept}\r\n`);
    const brotli = await js("gzip, deflate, br, zstd");
    expect(brotli).toEndWith("\r\n\r\nB");
    expect(brotli).toContain("\r\nContent-Encoding: br\r\nVary: Accept-Encoding\r\n");
    expect(brotli).toContain("\r\nContent-Type: text/javascript");
    expect(await js("br;q=0, gzip")).toEndWith("\r\n\r\nGG");
    const plain = await js("identity");
    expect(plain).toEndWith("\r\n\r\nplain");
    expect(plain).toContain("\r\nVary: Accept-Encoding\r\n");
    const tag = /ETag: (.*)\r\n/.exec(brotli)![1]!;
    expect(await get("/assets/app.js", `Accept-Encoding: br\r\nIf-None-Match: ${tag}\r\n`)).toStartWith(
      "HTTP/1.1 304",
    );
    files({});
    expect(await js("br")).toEndWith("\r\n\r\nplain");
  });
});
