import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrations } from "../../../migrations/index.ts";
import { newId } from "../../domain/id.ts";
import type { CertificateRecord, DomainRecord } from "../../domain/records.ts";
import { seedSite } from "../../testing/seed.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../../testing/temporary-database.ts";
import { migrate } from "../migrator.ts";
import { openDatabase } from "../open.ts";
import { createStore, type Store } from "../store.ts";

let database: TemporaryDatabase;
let store: Store;
beforeAll(async () => {
  database = await temporaryDatabase();
  store = createStore(database.db);
});
afterAll(() => database.close());

const domainOf = (environmentId: string, name: string, change: Partial<DomainRecord> = {}): DomainRecord => ({
  id: newId("dom"),
  environmentId,
  name,
  isPrimary: 0,
  redirectTo: null,
  tlsOn: 1,
  verifiedAt: null,
  checkedAt: null,
  checks: 0,
  lastError: null,
  nextCheckAt: 0,
  expiresAt: 1000,
  createdAt: 0,
  createdBy: "ada",
  ...change,
});

const certificateOf = (change: Partial<CertificateRecord>): CertificateRecord => ({
  id: newId("crt"),
  source: "acme",
  environmentId: null,
  name: null,
  names: null,
  issuer: null,
  fingerprint: null,
  notBefore: null,
  notAfter: null,
  chain: null,
  keyCiphertext: null,
  keyVersion: null,
  directory: null,
  orderUrl: null,
  orderKeyCiphertext: null,
  attempts: 0,
  lastError: null,
  lastErrorAt: null,
  nextAttemptAt: 0,
  renewalCheckAt: null,
  createdAt: 0,
  updatedAt: 0,
  ...change,
});

test("the migration keeps what an installation of the first schema holds, and its foreign keys", async () => {
  const dir = await mkdtemp(join(tmpdir(), "croft-migration-"));
  const { db, raw } = openDatabase(join(dir, "croft.db"));
  try {
    const upTo = { "0001_initial": migrations["0001_initial"]! };
    expect(await migrate(db, upTo)).toEqual(["0001_initial"]);
    const old = createStore(db);
    const { site, environment } = await seedSite(old, { site: { slug: "kept" } });
    const before = raw.query("SELECT * FROM environments").all();
    expect(await migrate(db, { ...upTo, "0002_domains": migrations["0002_domains"]! })).toEqual([
      "0002_domains",
    ]);
    expect(raw.query("SELECT * FROM environments").all()).toEqual(before);
    expect((await old.siteBySlug("kept"))?.id).toBe(site.id);
    await old.insertDomain(domainOf(environment.id, "kept.example.org"));
    expect((await old.domainsOf(environment.id)).map((one) => one.name)).toEqual(["kept.example.org"]);
    expect(old.insertDomain(domainOf("env_unknown", "lost.example.org"))).rejects.toThrow("FOREIGN KEY");
    expect(raw.query("PRAGMA foreign_key_check").all()).toEqual([]);
  } finally {
    await db.destroy();
    await rm(dir, { recursive: true, force: true });
  }
});

test("many may claim a name, one can have it verified", async () => {
  const one = (await seedSite(store)).environment.id;
  const two = (await seedSite(store)).environment.id;
  const first = domainOf(one, "shared.example.org");
  const second = domainOf(two, "shared.example.org");
  await store.insertDomain(first);
  await store.insertDomain(second);
  expect(await store.updateDomain(first.id, { verifiedAt: 5, expiresAt: null })).toBe(true);
  expect(store.updateDomain(second.id, { verifiedAt: 6 })).rejects.toThrow("UNIQUE");
  const [holder] = await store.verifiedAmong(["shared.example.org", "example.org"]);
  expect(holder).toMatchObject({ id: first.id, environmentId: one });
  expect(await store.deleteExpiredDomains(2000)).toEqual(["shared.example.org"]);
  expect(await store.domainsOf(two)).toEqual([]);
  expect(await store.domainsOf(one)).toHaveLength(1);
});

test("a domain that goes leaves no redirect to itself; a deleted site's names are free", async () => {
  const { site, environment } = await seedSite(store);
  const apex = domainOf(environment.id, "apex.example.org", { verifiedAt: 1, isPrimary: 1 });
  const www = domainOf(environment.id, "www.apex.example.org", { redirectTo: apex.name, verifiedAt: 1 });
  await store.insertDomain(apex);
  await store.insertDomain(www);
  expect((await store.domainsOf(environment.id)).map((row) => row.name)).toEqual([apex.name, www.name]);
  expect(await store.deleteDomain(apex)).toBe(true);
  expect(await store.domainsOf(environment.id)).toMatchObject([{ name: www.name, redirectTo: null }]);
  const uploaded = certificateOf({
    source: "upload",
    environmentId: environment.id,
    names: "[]",
    chain: "pem",
    keyCiphertext: "sealed",
  });
  await store.insertCertificate(uploaded);
  await store.markSiteDeleted(site.id, 9, false);
  expect((await store.verifiedDomains()).map((row) => row.environmentId)).not.toContain(environment.id);
  await store.deleteDomainsOfSite(site.id);
  expect(await store.domainsOf(environment.id)).toEqual([]);
  expect(await store.uploadedCertificatesOf(environment.id)).toEqual([]);
});

test("a name has one automatic certificate, and a key never stands without its chain", async () => {
  await store.insertCertificate(certificateOf({ id: "crt_1", name: "once.example.org" }));
  await store.insertCertificate(certificateOf({ id: "crt_2", name: "once.example.org" }));
  expect((await store.automaticCertificates(["once.example.org"])).map((row) => row.id)).toEqual(["crt_1"]);
  expect(store.updateCertificate("crt_1", { keyCiphertext: "sealed" })).rejects.toThrow("CHECK");
  expect(store.updateCertificate("crt_1", { orderUrl: "https://ca.test/1" })).rejects.toThrow("CHECK");
});
