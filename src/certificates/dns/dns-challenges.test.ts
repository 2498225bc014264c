import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { createLookup } from "../../daemon/name-servers.ts";
import type { HostToServe } from "../../domain/certificate.ts";
import { silentLog } from "../../domain/log.ts";
import { until } from "../../testing/e2e/croft.ts";
import { type Named, startNamed } from "../../testing/named.ts";
import { type Pebble, startPebble } from "../../testing/pebble.ts";
import { type CertificatesFixture, certificatesFixture } from "../testing/certificates-fixture.ts";
import { createDnsChallenges, presentRecord } from "./challenges.ts";
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

const addProvider = async (
  zone: string,
  change: { secret?: string; host?: string; algorithm?: string } = {},
) => {
  const id = `dns_${zone.replace(".", "_")}`;
  await fixture.store.insertDnsProvider({
    id,
    zone,
    kind: "rfc2136",
    settings: JSON.stringify({
      host: change.host ?? named.host,
      port: 53,
      keyName: named.keyName,
      algorithm: change.algorithm ?? "hmac-sha256",
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

const challenges = (lookup = createLookup([`${named.host}:53`])) =>
  createDnsChallenges({
    store: fixture.store,
    secretBox: fixture.secretBox,
    clock: { nowMs: Date.now, monotonicMs: () => performance.now() },
    log: silentLog,
    userAgent: "croft-test",
    lookup,
  });
const start = (change: Parameters<CertificatesFixture["start"]>[0] = {}) =>
  fixture.start({ dns: challenges(), ...change });
const own = (name: string): HostToServe => ({ name, environmentId: "env_1", automatic: true });
const provider = async (zone: string) =>
  (await fixture.store.dnsProviders()).find((one) => one.zone === zone)!;

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

test("a wildcard of a domain elsewhere is answered where its CNAME record leads", async () => {
  await addProvider("delegated.test");
  await named.add("_acme-challenge.shop.customer.test 5 CNAME one.customer.test");
  await named.add("one.customer.test 5 CNAME dom-1.delegated.test");
  const second = createLookup([`${named.secondHost}:53`]);
  for (const name of ["_acme-challenge.shop.customer.test", "one.customer.test"])
    await until(
      "the other server has it",
      () => second.alias(name),
      (alias) => alias !== null,
    );
  fixture.wanted = [
    own("*.shop.customer.test"),
    { ...own("a.shop.customer.test"), coveredBy: ["*.shop.customer.test"] },
  ];
  start();
  await until(
    "both are served",
    async () => fixture.handedNames(),
    (names) => names.length === 2,
  );
  expect(fixture.handed!.certificates).toHaveLength(1);
  expect(await named.texts("dom-1.delegated.test")).toEqual([]);
  expect(await named.log()).not.toContain("_acme-challenge.shop.customer.test/TXT: update");
});

test("of several zones the closest around the name is taken; none at all is said, with what to do", async () => {
  await addProvider("test", { host: "127.0.0.1" });
  await addProvider("example.test");
  const dns = challenges();
  expect(await dns.covers(base)).toBe(true);
  const withdraw = await dns.present(base, "token.thumbprint", AbortSignal.timeout(30_000));
  expect(await named.texts(`_acme-challenge.${base}`)).toHaveLength(1);
  await withdraw();
  expect((await provider("test")).usedAt).toBeNull();
  await fixture.store.deleteDnsProvider("test");
  expect(await dns.covers("customer.test")).toBe(false);
  fixture.wanted = [own("*.customer.test")];
  start();
  const failed = await until(
    "it has failed",
    () => fixture.rowOf("*.customer.test"),
    (row) => (row?.attempts ?? 0) > 0,
  );
  expect(failed!.lastError).toBe(
    "no DNS provider covers _acme-challenge.customer.test: let it lead into a zone of one by a CNAME record",
  );
});

test("a provider that does not work is named, its order waits and is taken up when it does", async () => {
  await addProvider("example.test", { secret: Buffer.from("wrong").toString("base64") });
  fixture.wanted = [site(`a.${base}`)];
  let orders = 0;
  const { store } = fixture;
  const counting: typeof store = {
    ...store,
    updateCertificate: async (id, patch) => {
      if (patch.orderUrl) orders++;
      return store.updateCertificate(id, patch);
    },
  };
  const certificates = start({ store: counting });
  const failed = await until(
    "it has failed",
    () => fixture.rowOf(`*.${base}`),
    (row) => (row?.attempts ?? 0) > 0,
  );
  const error = `the name server ${named.host}: the key's secret is wrong (BADSIG)`;
  expect(failed!.lastError).toBe(error);
  expect((await provider("example.test")).lastError).toBe(error);
  // After some failures sites are served by certificates of their own, where those can be had.
  expect(await fixture.rowOf(`a.${base}`)).toBeUndefined();
  await store.updateCertificate(failed!.id, { attempts: 3 });
  certificates.kick();
  await until(
    "the site has its turn",
    () => fixture.rowOf(`a.${base}`),
    (row) => row !== undefined,
  );
  await fixture.halt();
  orders = 0;
  await store.deleteDnsProvider("example.test");
  await addProvider("example.test");
  fixture.aheadMs = 121_000;
  start({ store: counting });
  await until(
    "it is served",
    async () => fixture.handedNames(),
    (names) => names.length === 1,
  );
  expect(fixture.handed!.certificates[0]!.certificate).toBe((await fixture.rowOf(`*.${base}`))!.chain!);
  expect(orders).toBe(0);
});

test("what a daemon that was killed left in the zone goes when its order is taken up", async () => {
  await addProvider("customer.test");
  fixture.wanted = [own("*.killed.customer.test")];
  const { store } = fixture;
  const real = challenges();
  const certificates = start({
    // Killed after the authority's look, before the record goes and the certificate is kept.
    dns: {
      ...real,
      present: async (...of) => {
        await real.present(...of);
        return async () => {};
      },
    },
    store: {
      ...store,
      updateCertificate: async (id, patch) => {
        if (patch.chain) throw new Error("killed");
        return store.updateCertificate(id, patch);
      },
    },
  });
  const left = await until(
    "the order is at its end",
    () => fixture.rowOf("*.killed.customer.test"),
    (row) => (row?.attempts ?? 0) > 0,
  );
  expect(left!.orderUrl).not.toBeNull();
  expect(left!.lastError).toBe("something went wrong inside Croft; the log has the details");
  expect(await named.texts("_acme-challenge.killed.customer.test")).toHaveLength(1);
  await fixture.halt();
  expect(certificates.isSecured("*.killed.customer.test")).toBe(false);
  fixture.aheadMs = 121_000;
  start();
  await until(
    "it is served",
    async () => fixture.handedNames(),
    (names) => names.length === 1,
  );
  expect(await named.texts("_acme-challenge.killed.customer.test")).toEqual([]);
});

test("without plain HTTP a name of a zone that is answered for needs no wildcard", async () => {
  await addProvider("customer.test");
  fixture.wanted = [own("www.customer.test")];
  start();
  await until(
    "it is served",
    async () => fixture.handedNames(),
    (names) => names.length === 1,
  );
  expect(new X509Certificate(fixture.handed!.certificates[0]!.certificate).subjectAltName).toBe(
    "DNS:www.customer.test",
  );
});

test("secrets of updates are in no log and in no file in the clear", async () => {
  await addProvider("example.test");
  const logged: string[] = [];
  const note = (message: string, more?: object) => void logged.push(message + Bun.inspect(more));
  const dns = createDnsChallenges({
    store: fixture.store,
    secretBox: fixture.secretBox,
    clock: { nowMs: Date.now, monotonicMs: () => performance.now() },
    log: { info: note, warn: note, error: note } as never,
    userAgent: "croft-test",
    lookup: createLookup([`${named.host}:53`]),
  });
  fixture.wanted = [site(`a.${base}`)];
  fixture.start({ dns, log: { info: note, warn: note, error: note } as never });
  await until(
    "it is served",
    async () => fixture.handedNames(),
    (names) => names.length === 1,
  );
  const files = await Promise.all(
    ["croft.db", "croft.db-wal"].map((name) => Bun.file(`${fixture.database.dir}/${name}`).text()),
  );
  expect(logged.join("")).toContain("certificate issued");
  for (const text of [...files, logged.join("\n")]) {
    expect(text).not.toContain(named.secret);
    expect(text).not.toContain("PRIVATE KEY");
  }
});

test("20 wildcards while every second nonce is refused", async () => {
  const quick = await startNamed({ zones: ["many.test"], algorithm: "hmac-sha512" });
  const authority = await startPebble(1, { nonceReject: 50, dnsServer: `${quick.host}:53` });
  try {
    await addProvider("many.test", { host: quick.host, secret: quick.secret, algorithm: "hmac-sha512" });
    const names = Array.from({ length: 20 }, (_, i) => `*.site-${i}.many.test`);
    fixture.wanted = names.map(own);
    start({
      acme: { directoryUrl: authority.directoryUrl, email: null, ca: authority.ca, externalAccount: null },
      dns: challenges(createLookup([`${quick.host}:53`])),
    });
    await until(
      "all are served",
      async () => fixture.handedNames(),
      (all) => all.length === 20,
      60_000,
    );
    for (const row of await fixture.store.certificates())
      expect(row).toMatchObject({ attempts: 0, lastError: null });
    expect(await quick.log()).not.toContain("failed");
  } finally {
    await authority.close();
    await quick.close();
  }
});

test("a name server that lags behind for too long is named, and the record taken away again", async () => {
  const slow = await startNamed({ zones: ["slow.test"], secondaryAfterSeconds: 600 });
  try {
    await addProvider("slow.test", { host: slow.host, secret: slow.secret });
    const [row] = await fixture.store.dnsProviders();
    const deps = {
      store: fixture.store,
      secretBox: fixture.secretBox,
      clock: { nowMs: Date.now, monotonicMs: () => performance.now() },
      log: silentLog,
      userAgent: "croft-test",
      lookup: createLookup([`${slow.host}:53`]),
    };
    const name = "_acme-challenge.slow.test";
    const refused = await presentRecord(deps, row!, name, "value", AbortSignal.timeout(30_000), 2_000).then(
      () => "shown",
      (error: Error) => error.message,
    );
    expect(refused).toBe(`the record ${name} was added, but ${slow.secondHost} did not show it within 2 s`);
    expect(await slow.texts(name)).toEqual([]);
    expect((await fixture.store.dnsProviders())[0]!.lastError).toBe(refused);
    // One of the servers is down: the others are enough.
    await slow.stopSecond();
    const withdraw = await presentRecord(deps, row!, name, "value", AbortSignal.timeout(30_000), 20_000);
    expect(await slow.texts(name)).toEqual(['"value"']);
    await withdraw();
    expect(await slow.texts(name)).toEqual([]);
  } finally {
    await slow.close();
  }
});
