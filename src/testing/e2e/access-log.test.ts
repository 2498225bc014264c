import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { AccessLine } from "../../domain/access-log.ts";
import type { PathView } from "../../domain/path-usage.ts";
import { parseEventStream } from "../../cli/event-stream.ts";
import { startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

setDefaultTimeout(120_000);

let croft: TestCroft;
const slug = uniqueSlug("seen");
const host = `${slug}.localhost`;

beforeAll(async () => {
  croft = await startCroft();
  await croft.createSite(slug, { type: "static" });
  const { exitCode, output } = await croft.push(slug, { "index.html": "<h1>hello</h1>" });
  expect(exitCode, output).toBe(0);
});
afterAll(() => croft.destroy());

const logOf = async (query = ""): Promise<AccessLine[]> => {
  const { status, body } = await croft.api<{ items: AccessLine[] }>(
    "GET",
    `/sites/${slug}/access-log${query}`,
  );
  expect(status, JSON.stringify(body)).toBe(200);
  return body.items;
};
const lines = (query: string, count: number): Promise<AccessLine[]> =>
  until(
    `${count} lines for ${query}`,
    () => logOf(query),
    (items) => items.length === count,
  );
const rules = async (change: object): Promise<void> => {
  const { status, body } = await croft.api("PUT", `/sites/${slug}/rules`, change);
  expect(status, JSON.stringify(body)).toBe(200);
};

test("a request is in the log within a second, without what names its visitor", async () => {
  const headers = { Referer: "https://ada:pw@search.example/?q=secret", "User-Agent": "Agent/1" };
  await croft.visit(host, "/?token=secret", { headers });
  await croft.visit(host, "/nothing/here");
  const [first, second] = await lines("", 2);
  expect(first).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    id: expect.stringMatching(/^[0-9a-f]{12}-[0-9a-f]+$/),
    address: "127.0.0.0",
    method: "GET",
    path: "/",
    status: 200,
    bytesIn: expect.any(Number),
    bytesOut: expect.any(Number),
    ms: expect.any(Number),
    protocol: "HTTP/1.1",
    tls: false,
    host,
    referer: "https://search.example",
  });
  expect(second).toMatchObject({ path: "/nothing/here", status: 404 });
  expect(await logOf("?status=4xx")).toEqual([second!]);
  expect(await logOf("?path=/nothing&since=1h")).toEqual([second!]);
  expect(JSON.stringify(await logOf())).not.toContain("secret");
  const refused = await croft.api("GET", `/sites/${slug}/access-log?status=many`);
  expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: "status" }] } });
});

test("paths are counted by pattern, and the daemon may be away meanwhile", async () => {
  await croft.kill("SIGKILL");
  for (const id of [1, 22, 333]) await croft.visit(host, `/users/${id}`);
  await croft.start();
  const { top } = await until(
    "three requests of one pattern",
    async () => {
      const { body } = await croft.api<{ items: PathView[] }>("GET", `/sites/${slug}/paths?from=24h`);
      return { top: body.items.find(({ path }) => path === "/users/:id") };
    },
    ({ top }) => top?.requests === 3,
  );
  expect(top).toMatchObject({ method: "GET", status: { "4xx": 3 } });
  expect(top!.responseMs.p95).toBeGreaterThan(0);
});

test("the log tells all, or nothing, as the site wants it", async () => {
  await rules({ accessLog: "full" });
  await croft.visit(host, "/whole?a=b", { headers: { "User-Agent": "Agent/2" } });
  const [line] = await lines("?path=/whole", 1);
  expect(line).toMatchObject({ address: "127.0.0.1", query: "a=b", userAgent: "Agent/2" });
  await rules({ accessLog: "off" });
  await croft.visit(host, "/unseen");
  await rules({ accessLog: "anonymous" });
  await croft.visit(host, "/seen");
  await lines("?path=/seen", 1);
  expect(await logOf("?path=/unseen")).toEqual([]);
});

/** Events of the live log, as they come. */
const follow = async (lastEventId: string | null = null) => {
  const stop = new AbortController();
  const response = await fetch(`http://127.0.0.1:${croft.panelPort}/api/v1/sites/${slug}/access-log`, {
    headers: {
      Accept: "text/event-stream",
      Authorization: `Bearer ${croft.token}`,
      ...(lastEventId !== null && { "Last-Event-ID": lastEventId }),
    },
    signal: stop.signal,
  });
  expect(response.status).toBe(200);
  const seen: { id: string; path: string }[] = [];
  let here = "";
  const ended = (async () => {
    try {
      for await (const { id, event, data } of parseEventStream(response.body!)) {
        if (event === "here") here = id!;
        if (event === "request") seen.push({ id: id!, path: (JSON.parse(data) as AccessLine).path });
      }
    } catch {
      // Cut, which is an end like any other.
    }
  })();
  const until = async (count: number): Promise<void> => {
    for (let i = 0; seen.length < count && i < 500; i++) await Bun.sleep(20);
    expect(seen.map(({ path }) => path)).toHaveLength(count);
  };
  await (async () => {
    for (let i = 0; here === "" && i < 500; i++) await Bun.sleep(20);
  })();
  return { seen, ended, until, stop: () => stop.abort() };
};

test("the live log tells each request once, over connections and a restart of the daemon", async () => {
  const first = await follow();
  await croft.visit(host, "/live/1");
  await first.until(1);
  await croft.visit(host, "/live/2");
  await first.until(2);
  first.stop();
  await croft.visit(host, "/live/3");
  await croft.kill("SIGKILL");
  await croft.visit(host, "/live/4");
  await croft.start();
  const second = await follow(first.seen[0]!.id);
  await second.until(3);
  await croft.visit(host, "/live/5");
  await second.until(4);
  second.stop();
  expect([...first.seen, ...second.seen].map(({ path }) => path)).toEqual([
    "/live/1",
    "/live/2",
    "/live/2",
    "/live/3",
    "/live/4",
    "/live/5",
  ]);
});

test("as a download and on the command line", async () => {
  const url = `http://127.0.0.1:${croft.panelPort}/api/v1/sites/${slug}/access-log?format=combined&path=/live`;
  const response = await fetch(url, { headers: { Authorization: `Bearer ${croft.token}` } });
  expect(response.headers.get("content-disposition")).toBe(`attachment; filename="${slug}-access.log"`);
  const text = await response.text();
  expect(text.trim().split("\n")).toHaveLength(5);
  expect(text).toMatch(/^127\.0\.0\.0 - - \[.+\] "GET \/live\/1 HTTP\/1\.1" 404 \d+ "-" "-"\n/);
  const combined = await croft.cli([
    "access-log",
    slug,
    "--format",
    "combined",
    "--path",
    "/live",
    "--since",
    "1h",
  ]);
  expect(combined).toMatchObject({ exitCode: 0, stdout: text });
  await until(
    "counts by path",
    async () => (await croft.cli(["paths", slug])).stdout,
    (stdout) => /5 +5 +0 +\S+ +\S+ +\S+ KB +GET \/live\/:id\n/.test(stdout),
  );
  const page = await croft.cli(["access-log", slug, "--status", "5xx", "--json"]);
  expect(JSON.parse(page.stdout)).toEqual({ items: [], dropped: 0, whole: true });
});

test("on the panel's page, and from there as a download", async () => {
  const origin = `http://127.0.0.1:${croft.panelPort}`;
  const signedIn = await fetch(`${origin}/sign-in`, {
    method: "POST",
    redirect: "manual",
    body: new URLSearchParams({ username: "ada", password: "correct-horse-battery" }),
    headers: { origin, "sec-fetch-site": "same-origin" },
  });
  const headers = { cookie: signedIn.headers.getSetCookie()[0]!.split(";", 1)[0]! };
  const page = await (await fetch(`${origin}/sites/${slug}/traffic?path=/live`, { headers })).text();
  expect(page).toContain("<code>/live/:id</code>");
  expect(page).toContain("GET /live/5");
  const link = /href="(\/api\/v1\/[^"]+)" download/.exec(page)![1]!.replaceAll("&amp;", "&");
  const log = await (await fetch(origin + link, { headers })).text();
  expect(log.trim().split("\n")).toHaveLength(5);
});

test("a site that is deleted takes its log along, and ends what follows it", async () => {
  const folder = join(croft.dataDir, "run/edge/access-log");
  const before = readdirSync(folder);
  expect(before).toHaveLength(1);
  const following = await follow();
  const { status } = await croft.api("DELETE", `/sites/${slug}?confirm=${slug}`);
  expect(status).toBe(202);
  await until(
    "no log is left",
    async () => existsSync(join(folder, before[0]!)),
    (there) => !there,
  );
  // It is asked with the next heartbeat.
  await following.ended;
  expect(await croft.api("GET", `/sites/${slug}/access-log`)).toMatchObject({ status: 404 });
});
