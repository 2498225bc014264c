import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { AccessLine } from "../../domain/access-log.ts";
import type { PathView } from "../../domain/path-usage.ts";
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
  const { status, body } = await croft.api<{ items: AccessLine[] }>("GET", `/sites/${slug}/access-log${query}`);
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

test("a site that is deleted takes its log along", async () => {
  const folder = join(croft.dataDir, "run/edge/access-log");
  const before = readdirSync(folder);
  expect(before).toHaveLength(1);
  const { status } = await croft.api("DELETE", `/sites/${slug}?confirm=${slug}`);
  expect(status).toBe(202);
  await until(
    "no log is left",
    async () => existsSync(join(folder, before[0]!)),
    (there) => !there,
  );
});
