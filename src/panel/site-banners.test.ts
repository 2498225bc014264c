import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { GB } from "../domain/size.ts";
import { fakeCertificate, fakeDomain } from "./testing/fake-domains.ts";
import { markupFaults } from "./testing/markup-faults.ts";
import { type PanelApp, panelApp } from "./testing/panel-app.ts";
import { panelClient, textOf } from "./testing/panel-client.ts";

let panel: PanelApp;
let client: ReturnType<typeof panelClient>;
beforeAll(async () => {
  panel = await panelApp();
  client = panelClient(panel);
  await client.signIn();
});
beforeEach(() => {
  panel.reset();
  panel.world.domains = [];
});
afterAll(() => panel.dispose());

const path = "/sites/bike-kitchen";
const overview = async (): Promise<{ html: string; text: string }> => {
  const { html } = await client.get(path);
  expect(await markupFaults(html)).toEqual([]);
  const live = /<div id="state"[\s\S]*?<div class="columns">/.exec(html)![0];
  return { html: live, text: textOf(live).trim() };
};

const unescaped = (text: string): string => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">");

test("a site that is served as usual has nothing to say", async () => {
  expect((await overview()).text).toBe("");
});

test("maintenance is said, and ended in place without losing its page", async () => {
  panel.world.rules.maintenance = { retryAfterSeconds: 600 };
  panel.world.rules.pages.maintenance = "<p>\n soon";
  const { html, text } = await overview();
  expect(text).toContain("Under maintenance. Every visitor gets 503 and is told to come back in 10 min");
  const fields = [...html.matchAll(/<input type="hidden" name="(?!_csrf)([^"]+)" value="([^"]*)"/g)];
  await client.submit(
    `${path}/rules/maintenance`,
    Object.fromEntries(fields.map(([, name, value]) => [name, unescaped(value!).replaceAll("\n", "\r\n")])),
  );
  expect(panel.world.calls.map((call) => call.args)).toEqual([["bike-kitchen", { maintenance: null }]]);
});

test("used up bandwidth says what visitors meet, by the site's own policy", async () => {
  panel.deps.monthToDate = async () => ({ bytesIn: 0, bytesOut: 12 * GB });
  expect((await overview()).text).toContain(
    "The month's bandwidth is used up. 12 of 10 GB. The site is slowed",
  );
  panel.world.rules.bandwidthPolicy = "block";
  expect((await overview()).text).toContain("Visitors get 509 until the month ends");
});

test("a certificate that does not come says why and when it is tried again; a domain what to add", async () => {
  const pending = { notAfter: null, issuer: null, nextAttemptAt: new Date(panel.world.nowMs).toISOString() };
  panel.world.domains = [
    fakeDomain("b.example.net", { certificate: fakeCertificate("b.example.net", pending) }),
  ];
  const onItsWay = await overview();
  expect(onItsWay.text).toContain("HTTPS is on its way at b.example.net: plain HTTP until then.");
  expect(onItsWay.html).toContain('data-every="3"');
  panel.world.domains.push(
    fakeDomain("c.example.net", {
      certificate: fakeCertificate("c.example.net", { ...pending, error: "the authority says: no" }),
    }),
    fakeDomain("d.example.net", { state: "waiting", certificate: null, nextStep: "add this A record: x" }),
  );
  const { text } = await overview();
  expect(text).toContain("No HTTPS yet at c.example.net. The authority says: no. Next try now");
  expect(text).toContain("d.example.net does not lead here yet. Add this A record: x.");
});

test("a site whose replicas are gone shows no memory of before; one without a release cannot go back", async () => {
  const read = async () => textOf((await client.get(path)).html);
  expect(await read()).toMatch(/Memory \d+\.?\d* of 128 MB/);
  panel.world.sites = panel.world.sites.map((site) => ({
    ...site,
    status: "failed" as const,
    replicas: site.replicas.map((replica) => ({ ...replica, state: "exited" })),
  }));
  const failed = await read();
  expect(failed).toContain("Memory not running CPU not running");
  expect(failed).toContain("Roll back");
  panel.world.sites = panel.world.sites.map((site) => ({ ...site, currentRelease: null }));
  expect(await read()).not.toContain("Roll back");
});

test("the fleet says which sites are paused, and whose bandwidth is used up", async () => {
  panel.world.sites = panel.world.sites.slice(0, 2).map((site, i) => ({
    ...site,
    pause:
      i === 0
        ? {
            since: site.createdAt,
            resumesAt: new Date(panel.world.nowMs + 60_000).toISOString(),
            maxSeconds: 30,
          }
        : null,
    bandwidth: i === 1 ? { state: "blocked" as const, since: site.createdAt } : site.bandwidth,
  }));
  const text = textOf((await client.get("/")).html);
  expect(text).toContain("paused: requests wait");
  expect(text).toContain("bandwidth used up: answers 509");
});
