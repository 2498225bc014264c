import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { until } from "../testing/e2e/croft.ts";
import { type Pebble, startPebble } from "../testing/pebble.ts";
import type { AutomaticRow } from "./automatic-rows.ts";
import { certificatesFixture } from "./testing/certificates-fixture.ts";
import { limited, startOddAuthority } from "./testing/odd-authority.ts";
import { createTurns } from "./turns.ts";

setDefaultTimeout(120_000);

const macKey = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
const env = { PEBBLE_VA_ALWAYS_VALID: "1" };
let staging: Pebble;
let production: Pebble;
beforeAll(async () => {
  staging = await startPebble(1, { env });
  production = await startPebble(1, { env, nonceReject: 50, externalAccounts: { "kid-1": macKey } });
});
afterAll(async () => {
  await staging?.close();
  await production?.close();
});

const settings = (pebble: Pebble, externalAccount: { keyId: string; hmacKey: string } | null = null) => ({
  directoryUrl: pebble.directoryUrl,
  email: null,
  ca: pebble.ca,
  externalAccount,
});
const host = (name: string, environmentId: string | null = null) => ({
  name,
  environmentId,
  automatic: true,
});

test("a switch of the authority replaces what the other one gave, which serves until then", async () => {
  const fixture = await certificatesFixture(settings(staging));
  try {
    fixture.wanted = ["a", "b", "c"].map((name) => host(`${name}.example.test`));
    fixture.start();
    await until(
      "all have one",
      async () => fixture.handedNames(),
      (names) => names.length === 3,
    );
    await fixture.halt();
    const before = fixture.handed!;
    // It wants an account that one has with it already.
    fixture.start({ acme: settings(production) });
    const refused = await until(
      "it is refused",
      () => fixture.store.certificates(),
      (rows) => rows.every((row) => row.attempts > 0),
    );
    expect(refused[0]!.lastError).toEndWith("; set CROFT_ACME_EAB_KID and CROFT_ACME_EAB_HMAC_KEY");
    expect(fixture.handed!.certificates).toEqual(before.certificates);
    await fixture.halt();
    fixture.aheadMs = 121_000;
    fixture.start({ acme: settings(production, { keyId: "kid-1", hmacKey: macKey }) });
    const rows = await until(
      "all are of the new one",
      () => fixture.store.certificates(),
      (all) => all.every((row) => row.directory === production.directoryUrl && row.lastError === null),
    );
    const root = new X509Certificate(await production.rootCertificate());
    for (const row of rows) {
      const [, issuer] = row.chain!.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g)!;
      expect(new X509Certificate(issuer!).verify(root.publicKey)).toBe(true);
    }
    await until(
      "they are served",
      async () => fixture.handed!.certificates.map(({ certificate }) => certificate).sort(),
      (served) => Bun.deepEquals(served, rows.map((row) => row.chain!).sort()),
    );
    // The keys of accounts are kept per authority, sealed.
    const accounts = await Promise.all(
      [staging, production].map(({ directoryUrl }) => fixture.store.acmeAccount(directoryUrl)),
    );
    expect(new Set(accounts.map((account) => account!.url)).size).toBe(2);
    for (const account of accounts) expect(account!.keyCiphertext).not.toContain("PRIVATE KEY");
  } finally {
    await fixture.close();
  }
});

/** Pebble limits nothing, so this authority does nothing else. */
test("one whose own certificate the system does not know is told from one that does not answer", async () => {
  const fixture = await certificatesFixture({ ...settings(staging), ca: null });
  try {
    fixture.wanted = [host("strange.example.test")];
    fixture.start();
    const row = await until(
      "the failure is kept",
      () => fixture.rowOf("strange.example.test"),
      (one) => (one?.attempts ?? 0) > 0,
    );
    expect(row!.lastError).toMatch(
      /is not trusted here \([A-Z_]+\): look at this machine's clock, or set CROFT_ACME_CA_FILE$/,
    );
  } finally {
    await fixture.close();
  }
});

test("an authority's wish for patience is kept over a restart, and said", async () => {
  const authority = startOddAuthority();
  authority.onOrder = () => limited("too many new orders (300) from this account", 1800);
  const { acme, asked } = authority;
  const fixture = await certificatesFixture(acme);
  try {
    fixture.wanted = [host("one.example.test"), host("two.example.test")];
    fixture.start();
    const rows = await until(
      "it was refused",
      () => fixture.store.certificates(),
      (all) => all.some((row) => row.attempts > 0),
    );
    const failed = rows.find((row) => row.attempts > 0)!;
    expect(failed.nextAttemptAt! - failed.lastErrorAt!).toBe(1_800_000);
    const account = await until(
      "the pause is kept",
      () => fixture.store.acmeAccount(acme.directoryUrl),
      (one) => one!.pausedUntil !== null,
    );
    expect(account!.pausedUntil).toBe(failed.lastErrorAt! + 1_800_000);
    expect(account!.pauseReason).toContain("says: too many new orders");
    const waiting = await until(
      "the other name says what it waits for",
      () => fixture.store.certificates(),
      (all) => all.every((row) => row.lastError !== null),
    );
    const other = waiting.find((row) => row.id !== failed.id)!;
    // Whose name it was is nobody else's business.
    expect(other.lastError).toBe(
      `it waits its turn: the certificate authority ${new URL(acme.directoryUrl).host} asked for patience`,
    );
    expect(other).toMatchObject({ attempts: 0, nextAttemptAt: account!.pausedUntil });
    await fixture.halt();
    const before = asked();
    for (let restarts = 0; restarts < 3; restarts++) {
      const certificates = fixture.start();
      for (let kicks = 0; kicks < 20; kicks++) {
        certificates.kick();
        await Bun.sleep(5);
      }
      expect(await certificates.retry(failed.name!)).toBe(false);
      await fixture.halt();
    }
    expect(asked()).toBe(before);
    fixture.aheadMs = 1_801_000;
    fixture.start();
    await until(
      "it is asked again",
      async () => asked(),
      (now) => now > before,
    );
  } finally {
    await fixture.close();
    await authority.close();
  }
});

const row = (name: string, nextAttemptAt: number, chain: string | null = null) =>
  ({ name, nextAttemptAt, chain }) as AutomaticRow;

test("owners take turns: one whose many names fail holds nobody else up", () => {
  const turns = createTurns();
  const rows = [
    ...Array.from({ length: 50 }, (_, i) => row(`bad-${i}.test`, i)),
    row("good-1.test", 90),
    row("good-2.test", 91),
    row("panel.test", 92),
  ];
  const ownerOf = (name: string) => (name === "panel.test" ? null : name.split("-")[0]!);
  const order: string[] = [];
  for (let left = rows; left.length > 0;) {
    const due = turns.next(left, ownerOf, 100)!;
    order.push(due.name);
    turns.taken(ownerOf(due.name), true, 100);
    left = left.filter((one) => one !== due);
  }
  expect(order.slice(0, 5)).toEqual(["bad-0.test", "good-1.test", "panel.test", "bad-1.test", "good-2.test"]);
  expect(turns.next([row("later.test", 101)], ownerOf, 100)).toBeNull();
  const renewal = { ...row("renewal.test", 0, "chain"), notBefore: 0, notAfter: 300 };
  expect(turns.next([renewal, row("new.test", 99)], ownerOf, 100)!.name).toBe("new.test");
  // New names keep no renewal off until it is too late.
  expect(turns.next([renewal, row("new.test", 99)], ownerOf, 251)!.name).toBe("renewal.test");
});

test("there is an end to how many orders are made in three hours; tries that came to none do not count", () => {
  const turns = createTurns();
  const hour = 3_600_000;
  for (let i = 0; i < 1_000; i++) turns.taken("a", false, 0);
  expect(turns.fullUntilMs(0)).toBe(0);
  for (let i = 0; i < 250; i++) {
    expect(turns.fullUntilMs(i)).toBe(0);
    turns.taken("a", true, i);
  }
  expect(turns.fullUntilMs(250)).toBe(3 * hour);
  expect(turns.fullUntilMs(3 * hour)).toBe(0);
});
