import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { MB } from "../../domain/size.ts";
import { startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

setDefaultTimeout(120_000);

let croft: TestCroft;
const slug = uniqueSlug("rules");
const host = `${slug}.localhost`;

beforeAll(async () => {
  croft = await startCroft({ CROFT_TRUSTED_PROXIES: "127.0.0.0/8" });
  await croft.createSite(slug, { type: "static" });
  const { exitCode, output } = await croft.push(slug, {
    "index.html": "<h1>hello</h1>",
    "large.bin": "x".repeat(1.2 * MB),
  });
  expect(exitCode, output).toBe(0);
});
afterAll(() => croft.destroy());

const rules = async (change: object): Promise<void> => {
  const { status, body } = await croft.api("PUT", `/sites/${slug}/rules`, change);
  expect(status, JSON.stringify(body)).toBe(200);
};
const statusOf = async (path = "/"): Promise<number> => (await croft.visit(host, path)).status;

const answers = (status: number, path = "/") =>
  until(
    `${path} answers ${status}`,
    () => statusOf(path),
    (now) => now === status,
  );

test("a month's bandwidth is used up: 509 by the edge, also while the daemon is away, until there is more", async () => {
  await answers(200);
  // The counters must have been read once for the edge to be told where the month stands.
  await Bun.sleep(2_500);
  await rules({ bandwidthPolicy: "block" });
  await croft.api("PUT", `/sites/${slug}/limits`, { bandwidthBytesPerMonth: 1 * MB });
  await croft.kill("SIGKILL");
  expect(await statusOf("/large.bin")).toBe(200);
  expect(await statusOf()).toBe(509);
  await croft.start();
  expect(await statusOf()).toBe(509);
  await croft.api("PUT", `/sites/${slug}/limits`, { bandwidthBytesPerMonth: 5 * MB });
  await answers(200);
  await croft.api("PUT", `/sites/${slug}/limits`, { bandwidthBytesPerMonth: 1 * MB });
  await answers(509);
  const stateOf = async () => (await croft.site(slug)).bandwidth;
  const { since } = await until("it is said", stateOf, ({ state }) => state === "blocked");
  await rules({ bandwidthPolicy: "warn" });
  await answers(200);
  expect(await stateOf()).toEqual({ state: "warn", since });
  await croft.api("PUT", `/sites/${slug}/limits`, { bandwidthBytesPerMonth: 5 * MB });
  await until("there is more", stateOf, ({ state }) => state === "ok");
  // Once for each time: the first one ended with the higher limit in between.
  const said = (await croft.log()).match(/has used up its bandwidth of the month/g) ?? [];
  expect(said.length).toBeGreaterThan(0);
  expect(said.length).toBeLessThan(3);
});

test("redirects, a password, fields, pages and maintenance reach visitors at once", async () => {
  await rules({
    redirects: [{ from: "/old", to: "/large.bin", status: 301 }],
    basicAuth: [{ name: "ada", password: "love lace" }],
    responseHeaders: [{ name: "X-Frame-Options", value: "DENY" }],
    pages: { notFound: "<p>lost" },
  });
  const headers = { Authorization: `Basic ${btoa("ada:love lace")}` };
  const visit = (path: string) => croft.visit(host, path, { headers, redirect: "manual" });
  expect(await statusOf()).toBe(401);
  const moved = await visit("/old");
  expect([moved.status, moved.headers.get("location")]).toEqual([301, "/large.bin"]);
  const page = await visit("/");
  expect([page.status, page.headers.get("x-frame-options")]).toEqual([200, "DENY"]);
  expect((await visit("/nothing")).body).toBe("<p>lost");

  const { body } = await croft.api<{ basicAuth: unknown }>("GET", `/sites/${slug}/rules`);
  expect(body.basicAuth).toEqual([{ name: "ada" }]);
  const shown = await croft.cli(["site", "rules", slug, "--remove-user", "ada", "--maintenance", "90"]);
  expect(shown.exitCode, shown.stderr).toBe(0);
  const closed = await croft.visit(host);
  expect([closed.status, closed.headers.get("retry-after")]).toEqual([503, "90"]);
  await rules({ maintenance: null });
  expect(await statusOf()).toBe(200);
});

test("networks are for the visitor behind a trusted proxy", async () => {
  await rules({ deny: ["198.51.100.0/24"] });
  const from = async (address: string): Promise<number> =>
    (await croft.visit(host, "/", { headers: { "X-Forwarded-For": address } })).status;
  expect(await from("198.51.100.7")).toBe(403);
  expect(await from("203.0.113.7")).toBe(200);
  expect(await from("198.51.100.7, 203.0.113.7")).toBe(200);
  await rules({ deny: [] });
});
