import { expect, test } from "bun:test";
import { silentLog } from "../domain/log.ts";
import { siteFixture } from "../testing/site-fixture.ts";
import type { DomainDeps } from "./domain-deps.ts";
import { addDomain } from "./domains.ts";

test("names of the panel and of the base domain are nobody's to claim, nor those below them", async () => {
  await using fixture = await siteFixture();
  const deps: DomainDeps = {
    ...fixture.deps,
    store: fixture.store,
    log: silentLog,
    baseDomain: "apps.example.org",
    panelDomain: "croft.example.net",
    hostOf: (slug) => `${slug}.base.test`,
    urlOfHost: (host) => `http://${host}`,
    publicAddresses: () => [],
    ordersCertificates: true,
    pointsHere: async () => ({ here: true }),
    texts: async () => [],
    challengeZones: async () => [],
    onDomains: async () => {},
    retryCertificate: async () => true,
  };
  const add = (name: string, www = false) => addDomain(deps, fixture.owner, fixture.slug, { name, www });
  for (const name of [
    "croft.example.net",
    "evil.croft.example.net",
    "apps.example.org",
    "x.apps.example.org",
  ])
    await expect(add(name), name).rejects.toMatchObject({ code: "invalid_input" });
  await expect(add("www.croft.example.net", true)).rejects.toMatchObject({ code: "invalid_input" });
  expect(await add("evilcroft.example.net")).toMatchObject({ name: "evilcroft.example.net" });
});
