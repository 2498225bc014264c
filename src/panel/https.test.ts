import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
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

const base = "/host/https";
const calls = (verb: string) =>
  panel.world.calls.filter((call) => call.verb === verb).map((call) => call.args);

test("name servers and certificates say their state and what to do next", async () => {
  const { html } = await client.get(base);
  const text = textOf(html);
  expect(text).toContain("192.0.2.53, key croft");
  expect(text).toContain("The name server 192.0.2.53: the key's secret is wrong (BADSIG)");
  expect(text).toContain("It ends on 2026-12-01: add its successor before then");
  expect(textOf((await client.get("/host")).html)).toContain("Certificates and DNS");
});

test("what failed can be tried again from the host's page", async () => {
  expect((await client.submit(`${base}/retry`, {})).location).toBe(`${base}?done=certificates-tried`);
  expect(calls("retryCertificates")).toEqual([[]]);
});

const typed = {
  zone: "Example.com",
  server: "192.0.2.53:5353",
  keyName: "croft",
  algorithm: "hmac-sha512",
  secret: "c2VjcmV0LW9mLXRoZS1rZXk=",
};

test("a name server is added; its secret is in no page", async () => {
  const added = await client.submit(`${base}/dns`, typed);
  expect(added.location).toBe(`${base}?done=dns-added`);
  expect(calls("addDnsProvider")).toEqual([
    [
      {
        kind: "rfc2136",
        ...typed,
        zone: "example.com",
        server: { host: "192.0.2.53", port: 5353 },
      },
    ],
  ]);
  const refused = await client.submit(`${base}/dns`, { ...typed, server: "http://192.0.2.53" });
  expect(refused.status).toBe(422);
  expect(textOf(refused.html)).toContain("Name server must be the address of a name server");
  expect(refused.html).toContain('value="Example.com"');
  expect(refused.html).not.toContain(typed.secret);
  expect(await markupFaults(refused.html)).toEqual([]);
});

test("tested and removed by zone", async () => {
  expect((await client.submit(`${base}/dns/example.org/test`, {})).location).toBe(`${base}?done=dns-works`);
  const failed = await client.submit(`${base}/dns/example.net/test`, {});
  expect(failed.status).toBe(503);
  expect(textOf(failed.html)).toContain("refuses connections");
  expect((await client.submit(`${base}/dns/example.org/remove`, {})).location).toBe(
    `${base}?done=dns-removed`,
  );
  expect(calls("removeDnsProvider")).toEqual([["example.org"]]);
});

test("a certificate that is refused: the key is not sent back", async () => {
  const fields = { certificate: "-----BEGIN CERTIFICATE-----", key: "-----BEGIN PRIVATE KEY-----secret" };
  const refused = await client.submit(`${base}/certificates`, fields);
  expect(refused.status).toBe(422);
  expect(textOf(refused.html)).toContain("Private key does not belong to the certificate");
  expect(refused.html).not.toContain("-----secret");
  expect((await client.submit(`${base}/certificates/crt_1/remove`, {})).location).toBe(
    `${base}?done=certificate-removed`,
  );
  expect(calls("removeInstallationCertificate")).toEqual([["crt_1"]]);
});

test("forged forms change nothing", async () => {
  for (const path of [
    "dns",
    "dns/example.org/test",
    "dns/example.org/remove",
    "certificates",
    "certificates/crt_1/remove",
  ])
    expect((await client.post(`${base}/${path}`, { ...typed, _csrf: "made-up" })).status, path).toBe(403);
  expect(panel.world.calls).toEqual([]);
});
