import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { createLookup } from "../../daemon/name-servers.ts";
import type { HostToServe } from "../../domain/certificate.ts";
import { silentLog } from "../../domain/log.ts";
import { until } from "../../testing/e2e/croft.ts";
import { type Named, startNamed } from "../../testing/named.ts";
import { type Pebble, startPebble } from "../../testing/pebble.ts";
import { type CertificatesFixture, certificatesFixture } from "../testing/certificates-fixture.ts";
import { createDnsChallenges } from "./challenges.ts";
import { dnsSecretPlace } from "./providers.ts";

setDefaultTimeout(120_000);

const base = "sites.example.test";
let named: Named;
let pebble: Pebble;
let fixture: CertificatesFixture;

beforeAll(async () => {
  named = await startNamed({
    zones: ["example.test", "delegated.test", "customer.test"],
    secondaryAfterSeconds: 2,
  });
  // Every look of the authority goes to the server that lags behind.
  pebble = await startPebble(1, { nonceReject: 50, dnsServer: `${named.secondHost}:53` });
});
afterAll(async () => {
  await pebble?.close();
  await named?.close();
});

const addProvider = async (zone: string, change: { secret?: string; host?: string } = {}) => {
  const id = `dns_${zone.replace(".", "_")}`;
  await fixture.store.insertDnsProvider({
    id,
    zone,
    kind: "rfc2136",
    settings: JSON.stringify({
      host: change.host ?? named.host,
      port: 53,
      keyName: named.keyName,
      algorithm: "hmac-sha256",
    }),
    secretCiphertext: await fixture.secretBox.seal(change.secret ?? named.secret, dnsSecretPlace(id)),
    keyVersion: 1,
    usedAt: null,
    lastError: null,
    createdAt: 0,
    createdBy: "ada",
  });
};

beforeEach(async () => {
  fixture = await certificatesFixture(
    { directoryUrl: pebble.directoryUrl, email: null, ca: pebble.ca, externalAccount: null },
    { baseDomain: base, plainHttp: false },
  );
});
afterEach(() => fixture.close());

const start = () =>
  fixture.start({
    dns: createDnsChallenges({
      store: fixture.store,
      secretBox: fixture.secretBox,
      clock: { nowMs: Date.now, monotonicMs: () => performance.now() },
      log: silentLog,
      userAgent: "croft-test",
      lookup: createLookup([`${named.host}:53`]),
    }),
  });

const site = (name: string): HostToServe => ({
  name,
  environmentId: null,
  automatic: true,
  coveredBy: [`*.${base}`],
});

test("one wildcard certificate is for all sites of the base domain", async () => {
  await addProvider("example.test");
  fixture.wanted = Array.from({ length: 200 }, (_, i) => site(`site-${i}.${base}`));
  start();
  await until(
    "all are served",
    async () => fixture.handedNames(),
    (names) => names.length === 200,
  );
  expect(fixture.handed!.certificates).toHaveLength(1);
  const leaf = new X509Certificate(fixture.handed!.certificates[0]!.certificate);
  expect(leaf.subjectAltName).toBe(`DNS:*.${base}`);
  expect((await fixture.store.certificates()).map((row) => row.name)).toEqual([`*.${base}`]);
  // The record is taken away again.
  expect(await named.texts(`_acme-challenge.${base}`)).toEqual([]);
  expect((await fixture.store.dnsProviders())[0]).toMatchObject({ lastError: null });
});
