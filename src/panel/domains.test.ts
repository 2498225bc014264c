import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { invalid } from "../errors.ts";
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
beforeEach(() => panel.reset());
afterAll(() => panel.dispose());

const base = "/sites/bike-kitchen/domains";
const calls = (verb: string) =>
  panel.world.calls.filter((call) => call.verb === verb).map((call) => call.args);

test("each domain says its state, what went wrong, what to do next and when it is tried again", async () => {
  const { html } = await client.get(base);
  const text = textOf(html);
  expect(text).toContain("Certificate by Let's Encrypt R11, valid until");
  expect(text).toContain("Leads to bikes.example.net");
  expect(text).toContain("says: DNS problem: SERVFAIL looking up CAA for example.net");
  expect(text).toContain("Next: add this A record: new.example.net → 203.0.113.7");
  expect(html).toContain('data-copy="203.0.113.7"');
  expect(html).toContain('data-copy="new.example.net"');
  expect(text).toContain("Last checked 1 min ago . Next check in 1 min .");
  expect(text).toContain("Checked just now. The next check is in a moment.");
  expect(text).not.toMatch(/ now \./);
  expect(text).toContain("The claim ends");
  expect(text).toContain("Next: add these 3 records where the domain's DNS is kept.");
  expect(text).toContain("CNAME Name _acme-challenge.bikes.example.net");
  expect(text).toContain("failed 60 min ago ; next try in 5 h");
});

test("a domain is added with www unless that is unticked; what is no name is refused and kept", async () => {
  const added = await client.submit(base, { name: "Shop.Example.org", www: "yes" });
  expect(added.location).toBe(`${base}?done=domain-waiting`);
  expect(calls("addDomain")).toEqual([["bike-kitchen", { name: "shop.example.org", www: true }]]);
  const refused = await client.submit(base, { name: "https://example.org/" });
  expect(refused.status).toBe(422);
  expect(textOf(refused.html)).toContain("Name must be a host name alone");
  expect(refused.html).toContain('value="https://example.org/"');
  expect(refused.html).toContain('name="www" value="yes" aria-describedby');
  expect(await markupFaults(refused.html)).toEqual([]);
  const taken = await client.submit(base, { name: "bikes.example.net" });
  expect(taken.status).toBe(409);
  expect(textOf(taken.html)).toContain("is verified for another site here");
});

test("looked at, changed and removed by name", async () => {
  expect((await client.submit(`${base}/new.example.net/verify`, {})).location).toBe(
    `${base}?done=domain-waiting`,
  );
  for (const [name, fields] of [
    // The primary one, left as it is: nothing changes.
    ["bikes.example.net", { primary: "yes", automaticHttps: "yes", redirectTo: "" }],
    ["bikes.example.net", { automaticHttps: "yes", redirectTo: "www.bikes.example.net" }],
    ["www.bikes.example.net", { primary: "yes", automaticHttps: "yes" }],
    ["www.bikes.example.net", { redirectTo: "" }],
  ] as const)
    expect((await client.submit(`${base}/${name}`, fields)).location).toBe(`${base}?done=domain-changed`);
  expect((await client.submit(`${base}/new.example.net/remove`, {})).location).toBe(
    `${base}?done=domain-removed`,
  );
  expect(calls("changeDomain")).toEqual([
    ["bike-kitchen", "bikes.example.net", { primary: false, redirectTo: "www.bikes.example.net" }],
    ["bike-kitchen", "www.bikes.example.net", { primary: true }],
    ["bike-kitchen", "www.bikes.example.net", { automaticHttps: false, redirectTo: null }],
  ]);
  expect(calls("removeDomain")).toEqual([["bike-kitchen", "new.example.net"]]);
});

test("a change that is refused stands in the form of its domain, which stays open", async () => {
  panel.deps.changeDomain = async () => {
    throw invalid("redirectTo", "must be another domain of this site");
  };
  panel.world.domains = panel.world.domains.map((one) => ({ ...one, primary: false, redirectTo: null }));
  const refused = await client.submit(`${base}/bikes.example.net`, { redirectTo: "www.bikes.example.net" });
  expect(refused.status).toBe(422);
  expect(refused.html).toMatch(/id="domain-bikes.example.net-redirectTo-error"[^>]*>[^<]*must be another/);
  expect(refused.html.match(/<details class="domain-change" open/g)?.length).toBe(1);
  expect(await markupFaults(refused.html)).toEqual([]);
  expect((await client.submit(`${base}/nobody.example.net`, {})).status).toBe(404);
  expect((await client.get(`${base}/bikes.example.net`)).location).toBe(`${base}#domain-bikes.example.net`);
});

test("an own address that no certificate is ordered for says so", async () => {
  panel.deps.ownAddress = async () => ({
    name: "bike-kitchen.localhost",
    url: "http://bike-kitchen.localhost",
    certificate: null,
  });
  expect(textOf((await client.get(base)).html)).toContain("No certificate is ordered for it");
});

test("the page asks after what is on its way, and no longer when all is well", async () => {
  expect((await client.get(base)).html).toContain('data-every="3"');
  panel.world.domains = panel.world.domains.slice(0, 1);
  expect((await client.get(base)).html).not.toContain("data-every");
});

test("a certificate that is refused is kept as typed, its key is never sent back", async () => {
  const path = "/sites/bike-kitchen/certificates";
  const refused = await client.submit(path, { certificate: "not PEM", key: "SECRET-KEY-4711" });
  expect(refused.status).toBe(422);
  expect(textOf(refused.html)).toContain("Certificate must be PEM");
  expect(refused.html).toContain("not PEM");
  expect(refused.html).not.toContain("SECRET-KEY-4711");
  expect(await markupFaults(refused.html)).toEqual([]);
  const good = await client.submit(path, { certificate: "-----BEGIN CERTIFICATE-----", key: "k" });
  expect(good.location).toBe(`${base}?done=certificate-added`);
});

test("forged forms change nothing", async () => {
  for (const path of [
    base,
    `${base}/new.example.net`,
    `${base}/new.example.net/verify`,
    `${base}/new.example.net/remove`,
    "/sites/bike-kitchen/certificates",
    "/sites/bike-kitchen/certificates/crt_1/remove",
  ])
    expect((await client.post(path, { name: "a.example.org", _csrf: "made-up" })).status, path).toBe(403);
  expect(panel.world.calls).toEqual([]);
});
