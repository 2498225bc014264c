import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Route } from "../../domain/edge.ts";
import { ask, headers } from "../h2/testing/h2-client.ts";
import { startH2Edge } from "../h2/testing/h2-fixture.ts";
import { entriesOn, linesWhen, linesOf, logInto } from "../testing/access-logs.ts";
import { type EdgeFixture, replicaAt, routeTo, startEdge, toPort } from "../testing/edge-fixture.ts";
import { connectRaw } from "../testing/raw-client.ts";
import { type RawUpstream, startOkUpstream, startRawUpstream } from "../testing/raw-upstream.ts";

/** What a line says of each kind of request. */

let dir: string;
let fixture: EdgeFixture;
let upstream: RawUpstream;
let slow: RawUpstream;
let sites = 0;
const app = Bun.serve({
  port: 0,
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("none", { status: 426 })),
  websocket: { message: (socket, message) => void socket.send(message) },
});

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-access-"));
  upstream = startOkUpstream();
  slow = startRawUpstream((text) =>
    text.includes("/half") ? "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" : undefined,
  );
  fixture = startEdge([], { headMs: 150, answerMs: 300 }, undefined, { trustedProxies: ["127.0.0.1"], dir });
});
afterAll(async () => {
  await fixture.close();
  upstream.close();
  slow.close();
  await app.stop(true);
  rmSync(dir, { recursive: true });
});

/** A site of its own for each test, with a log of its own. */
const site = (changes: Partial<Route> = {}): { id: string; host: string } => {
  const id = `env_${++sites}`;
  const host = `${id.replace("_", "-")}.test`;
  fixture.route([
    {
      ...routeTo([host], toPort(upstream.port), {}, id),
      accessLog: logInto(id),
      countPaths: true,
      ...changes,
      id,
      hosts: [host],
    },
  ]);
  return { id, host };
};

/** Sends one request, reads to the end of the connection. */
const exchange = async (bytes: string): Promise<string> => {
  const client = await connectRaw(fixture.port);
  client.send(bytes);
  const text = await client.untilClosed();
  client.close();
  return text;
};
const get = (host: string, path = "/", fields = ""): Promise<string> =>
  exchange(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${fields}\r\n`);

describe("a request to an app", () => {
  test("is one line, with bytes of heads and bodies, times and replica", async () => {
    const { id, host } = site();
    const request = `POST /a/b HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello`;
    const answer = await exchange(request);
    const lines = await linesWhen(fixture.edge, id, 1);
    expect(lines).toEqual([
      {
        time: expect.any(String),
        id: /X-Request-Id: (\S+)/.exec(upstream.received().at(-1)!)![1]!,
        address: "127.0.0.0",
        method: "POST",
        path: "/a/b",
        status: 200,
        bytesIn: request.length,
        bytesOut: answer.length,
        ms: expect.any(Number),
        upstreamMs: expect.any(Number),
        replica: `replica-${upstream.port}`,
        protocol: "HTTP/1.1",
        tls: false,
        host,
      },
    ]);
    const [{ time, ms, upstreamMs }] = lines as [(typeof lines)[0]];
    expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(5_000);
    expect(upstreamMs!).toBeGreaterThan(0);
    expect(upstreamMs!).toBeLessThanOrEqual(ms);
  });

  test("several on one connection are as many lines in their order; HTTP/1.0 is told", async () => {
    const { id, host } = site();
    const one = (path: string) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    await exchange(`${one("/1")}${one("/2")}GET /3 HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
    const lines = await linesWhen(fixture.edge, id, 3);
    expect(lines.map(({ path, protocol }) => [path, protocol])).toEqual([
      ["/1", "HTTP/1.1"],
      ["/2", "HTTP/1.1"],
      ["/3", "HTTP/1.0"],
    ]);
    expect(new Set(lines.map((line) => line.id)).size).toBe(3);
  });

  test("over HTTP/2 it says so", async () => {
    const h2 = await startH2Edge([]);
    Object.assign(h2.edge.traffic, { dir });
    h2.route([{ ...routeTo(["site.test"], toPort(upstream.port)), accessLog: logInto("env_h2") }]);
    const client = await h2.connect();
    client.send(headers(1, ask("/two?x=y")));
    await client.answer(1);
    client.close();
    const lines = await linesWhen(h2.edge, "env_h2", 1);
    expect(lines[0]).toMatchObject({ protocol: "HTTP/2.0", tls: true, path: "/two", status: 200 });
    await h2.close();
  });

  test("that the visitor gives up is told with what came of it", async () => {
    const { id, host } = site({ target: toPort(slow.port) });
    const unanswered = await connectRaw(fixture.port);
    unanswered.send(`POST /never HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 9\r\n\r\nx`);
    while (!slow.received().some((text) => text.includes("/never"))) await Bun.sleep(5);
    unanswered.close();
    await linesWhen(fixture.edge, id, 1);
    const cut = await connectRaw(fixture.port);
    cut.send(`GET /half HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await cut.until((text) => text.endsWith("half"));
    cut.socket.terminate();
    const lines = await linesWhen(fixture.edge, id, 2);
    expect(lines.map(({ path, status, aborted }) => [path, status, aborted])).toEqual([
      ["/never", 499, true],
      ["/half", 200, true],
    ]);
  });

  test("a WebSocket is told at its end, with 101 and all its bytes", async () => {
    const { id } = site();
    fixture.route([
      {
        ...routeTo(["127.0.0.1"], { kind: "replicas", replicas: [replicaAt(app.port!)] }, {}, id),
        accessLog: logInto(id),
      },
    ]);
    const socket = new WebSocket(`ws://127.0.0.1:${fixture.port}/live`);
    await new Promise((resolve) => (socket.onopen = resolve));
    const echoed = new Promise((resolve) => (socket.onmessage = resolve));
    socket.send("x".repeat(5_000));
    await echoed;
    expect(await linesOf(fixture.edge, id)).toEqual([]);
    socket.close();
    const [line] = await linesWhen(fixture.edge, id, 1);
    expect(line).toMatchObject({ path: "/live", status: 101 });
    expect(line).not.toHaveProperty("aborted");
    expect(line!.bytesIn).toBeGreaterThan(5_000);
    expect(line!.bytesOut).toBeGreaterThan(5_000);
  });
});

describe("what the edge answers by itself is there, too", () => {
  test.each<[string, Partial<Route>, string, number]>([
    ["a page", { target: { kind: "message", status: 503, title: "", message: "" } }, "/", 503],
    [
      "a redirect to another host",
      { target: { kind: "redirect", host: "x.test", permanent: true } },
      "/",
      308,
    ],
    ["no replica", { target: { kind: "replicas", replicas: [] } }, "/", 503],
    ["a replica that is not there", { target: toPort(1) }, "/", 502],
    ["one that does not answer", { target: "slow" as never }, "/", 504],
    ["maintenance", { rules: { maintenance: { retryAfterSeconds: 1 } } }, "/", 503],
    ["a denied network", { rules: { deny: ["127.0.0.0/8"] } }, "/", 403],
    ["a password that was not given", { rules: { users: [{ name: "a", passwordHash: "b" }] } }, "/", 401],
    [
      "a path redirect",
      { rules: { redirects: [{ from: "/a", to: "/b", status: 301, prefix: false }] } },
      "/a",
      301,
    ],
  ])("%s", async (_, changes, path, status) => {
    const target = (changes.target as unknown) === "slow" ? toPort(slow.port) : changes.target;
    const { id, host } = site({ ...changes, ...(target && { target }) });
    await get(host, path);
    const [line] = await linesWhen(fixture.edge, id, 1);
    expect(line).toMatchObject({ path, status });
  });

  test("files of a static site, found or not", async () => {
    const folder = join(dir, "files");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "index.html"), "hello");
    const { id, host } = site({ target: { kind: "static", folder } });
    const answer = await get(host);
    await get(host, "/none");
    const lines = await linesWhen(fixture.edge, id, 2);
    expect(lines.map(({ status, bytesOut }) => [status, bytesOut === answer.length])).toEqual([
      [200, true],
      [404, false],
    ]);
    expect(lines[0]).not.toHaveProperty("replica");
  });

  test("429, 413 and a body that breaks off the rules", async () => {
    const { id, host } = site({
      limits: { maxBodyBytes: 4, requestsPerMinute: 2, concurrentRequests: null },
    });
    await exchange(`POST /large HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\n\r\nhello`);
    await exchange(`POST /bad HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`);
    await get(host, "/often");
    const lines = await linesWhen(fixture.edge, id, 3);
    expect(lines.map(({ path, status }) => [path, status])).toEqual([
      ["/large", 413],
      ["/bad", 400],
      ["/often", 429],
    ]);
  });

  test("a request that cannot be understood, if it names the site", async () => {
    const { id, host } = site();
    await exchange(`GET /space HTTP/1.1\r\nHost: ${host}\r\nBad : x\r\n\r\n`);
    await exchange(
      `GET /both HTTP/1.1\r\nHost: ${host.toUpperCase()}:80\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    await exchange(`GET /who?q=secret HTTP/1.1\r\nHost: ${host}\r\nX: ${"y".repeat(40_000)}\r\n\r\n`);
    await exchange(`GET /late HTTP/1.1\r\nHost: ${host}\r\nX: `);
    await exchange(`GET /"\x01\\ HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    // nobody's: another name beside it, or none that is known
    await exchange(`GET / HTTP/1.1\r\nHost: ${host}\r\nHost: other.test\r\n\r\n`);
    await exchange(`GET / HTTP/1.1\r\nHost: stranger.test\r\nBad : x\r\n\r\n`);
    await get("stranger.test");
    await get(host, "/last");
    const lines = await linesWhen(fixture.edge, id, 6);
    expect(lines.map(({ method, path, status }) => [method, path, status])).toEqual([
      ["GET", "/space", 400],
      ["GET", "/both", 400],
      ["GET", "/who", 431],
      ["GET", "/late", 408],
      ["GET", '/"\x01\\', 400],
      ["GET", "/last", 200],
    ]);
    expect(JSON.stringify(await entriesOn(dir, id))).not.toContain("secret");
  });

  test("nothing when the site keeps no log; redirects of its other names share its own", async () => {
    const { id, host } = site({ accessLog: null });
    await get(host);
    expect(await linesOf(fixture.edge, id)).toEqual([]);
    fixture.route([
      { ...routeTo([host], toPort(upstream.port), {}, id), accessLog: logInto(id) },
      {
        ...routeTo(["www.shared.test"], { kind: "redirect", host, permanent: true }, {}, `${id}:to:x`),
        accessLog: logInto(id),
      },
    ]);
    await get("www.shared.test", "/from");
    await get(host, "/there");
    const lines = await linesWhen(fixture.edge, id, 2);
    expect(lines.map((line) => [line.host, line.path, line.status])).toEqual([
      ["www.shared.test", "/from", 308],
      [host, "/there", 200],
    ]);
  });
});

describe("what is told of visitors", () => {
  const fields =
    "Referer: https://ada:pw@www.search.example:8443/find?q=secret#x\r\nUser-Agent: Mozilla/5.0 (secret)\r\n" +
    "Authorization: Basic c2VjcmV0\r\nCookie: sid=secret\r\nX-Forwarded-For: 2001:db8:12:3456::77\r\n";

  test("anonymous: a network, and the origin that sent them", async () => {
    const { id, host } = site();
    await get(host, "/p?token=secret", fields);
    const [line] = await linesWhen(fixture.edge, id, 1);
    expect(line).toMatchObject({
      address: "2001:db8:12::",
      path: "/p",
      referer: "https://www.search.example:8443",
    });
    expect(line).not.toHaveProperty("query");
    expect(line).not.toHaveProperty("userAgent");
    expect(JSON.stringify(line)).not.toMatch(/secret|ada|c2VjcmV0|3456/);
  });

  test("full: address, query, referrer and user agent, but never what signs them in", async () => {
    const { id, host } = site();
    fixture.route([
      { ...routeTo([host], toPort(upstream.port), {}, id), accessLog: logInto(id, { detail: "full" }) },
    ]);
    await get(host, "/p?token=a%20b", fields);
    const [line] = await linesWhen(fixture.edge, id, 1);
    expect(line).toMatchObject({
      address: "2001:db8:12:3456::77",
      path: "/p",
      query: "token=a%20b",
      referer: "https://www.search.example:8443/find?q=secret#x",
      userAgent: "Mozilla/5.0 (secret)",
    });
    expect(JSON.stringify(line)).not.toMatch(/c2VjcmV0|sid=|ada|pw/);
  });
});
