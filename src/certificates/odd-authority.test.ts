import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { until } from "../testing/e2e/croft.ts";
import { type CertificatesFixture, certificatesFixture } from "./testing/certificates-fixture.ts";
import { limited, type OddAuthority, startOddAuthority } from "./testing/odd-authority.ts";

setDefaultTimeout(60_000);

let authority: OddAuthority;
let fixture: CertificatesFixture;
beforeEach(async () => {
  authority = startOddAuthority();
  fixture = await certificatesFixture(authority.acme);
});
afterEach(async () => {
  await fixture.close();
  await authority.close();
});

const want = (...names: string[]): void => {
  fixture.wanted = names.map((name) => ({ name, environmentId: name, automatic: true }));
};
const tried = (name: string, attempts: number) =>
  until(
    `${name} was tried`,
    () => fixture.rowOf(name),
    (row) => (row?.attempts ?? 0) >= attempts,
  );

test("a limit of one name or one domain stops nobody else", async () => {
  for (const [i, detail] of [
    'too many failed authorizations (5) for "shop.example.test" in the last 1h0m0s, retry later',
    'too many certificates (50) already issued for "example.test" in the last 168h0m0s',
    "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s",
  ].entries()) {
    const other = `other-${i}.test`;
    authority.onOrder = (name) =>
      name === "shop.example.test" ? limited(detail, 7_200) : new Response(null, { status: 500 });
    want("shop.example.test");
    fixture.aheadMs += 24 * 3_600_000;
    const certificates = fixture.start();
    const failed = (await tried("shop.example.test", i + 1))!;
    expect(failed.nextAttemptAt! - failed.lastErrorAt!).toBe(7_200_000);
    want("shop.example.test", other);
    certificates.kick();
    await tried(other, 1);
    expect((await fixture.store.acmeAccount(authority.acme.directoryUrl))!.pausedUntil).toBeNull();
    await fixture.halt();
  }
});

test("what was written while the clock was years ahead keeps nothing from being ordered", async () => {
  const detail = "too many new orders (300) from this account";
  authority.onOrder = () => limited(detail, 7_200);
  fixture.aheadMs = 5 * 365 * 86_400_000;
  want("shop.example.test");
  fixture.start();
  await tried("shop.example.test", 1);
  await until(
    "the pause is kept",
    () => fixture.store.acmeAccount(authority.acme.directoryUrl),
    (account) => account!.pausedUntil !== null,
  );
  await fixture.halt();
  fixture.aheadMs = 0;
  fixture.start();
  const again = (await tried("shop.example.test", 2))!;
  expect(again.lastErrorAt!).toBeLessThan(Date.now() + 60_000);
  expect(again.nextAttemptAt!).toBeLessThan(Date.now() + 3 * 3_600_000);
});

test("a person's tries stay below what an authority takes of one name", async () => {
  want("shop.example.test");
  const certificates = fixture.start();
  let tries = 1;
  await tried("shop.example.test", tries);
  for (let minutes = 0; minutes < 60; minutes++) {
    fixture.aheadMs += 60_000;
    certificates.kick();
    const may = await certificates.retry("shop.example.test");
    if (may) await tried("shop.example.test", ++tries);
    tries = (await fixture.rowOf("shop.example.test"))!.attempts;
  }
  // Let's Encrypt: five at once, and one more in each twelve minutes.
  expect(authority.orders.length).toBeGreaterThanOrEqual(5);
  expect(authority.orders.length).toBeLessThanOrEqual(10);
});

test("a name that leads nowhere asks nothing of the authority, and is looked at every ten minutes", async () => {
  want("shop.example.test");
  const certificates = fixture.start({ resolve: async () => [] });
  const pauses: number[] = [];
  for (let tries = 1; tries <= 6; tries++) {
    const row = (await tried("shop.example.test", tries))!;
    pauses.push((row.nextAttemptAt! - row.lastErrorAt!) / 1000);
    fixture.aheadMs += 600_000;
    certificates.kick();
  }
  expect(pauses).toEqual([120, 360, 600, 600, 600, 600]);
  expect(authority.asked()).toBe(0);
});

test("nonsense is a failure like others: it is told in one line, and waited after", async () => {
  const made = (_: string, origin: string) =>
    Response.json({ status: "pending" }, { status: 201, headers: { location: `${origin}/o/1` } });
  const order = (origin: string) => ({
    status: "pending",
    authorizations: [`${origin}/z`],
    finalize: `${origin}/f`,
  });
  const authorization = (origin: string, host: string, token: string) => ({
    status: "pending",
    identifier: { value: host },
    challenges: [{ type: "http-01", url: `${origin}/c`, status: "pending", token }],
  });
  const name = "shop.example.test";
  const week = 7 * 86_400;
  const cases: [string, Partial<OddAuthority>, number][] = [
    ["says: no more", { onOrder: () => limited("no more", 1e20) }, week],
    ["answered with status 500", { onOrder: () => new Response("<html>", { status: 500 }) }, 120],
    ["longer than 1 MB", { onOrder: () => new Response("x".repeat(3e6), { status: 400 }) }, 120],
    ["answered with status 400", { onOrder: () => new Response("[".repeat(1e5), { status: 400 }) }, 120],
    [
      "says: a b",
      { onOrder: () => Response.json({ type: "x", detail: "a\u0000\n\u001b\u202eb" }, { status: 400 }) },
      120,
    ],
    ["not understood (status", { onOrder: made, onOther: () => Response.json({ status: "odd" }) }, 120],
    [
      "another name",
      {
        onOrder: made,
        onOther: (path, origin) =>
          Response.json(path === "/o/1" ? order(origin) : authorization(origin, "victim.test", "t")),
      },
      120,
    ],
    [
      "not understood (challenges.0.token)",
      {
        onOrder: made,
        onOther: (path, origin) =>
          Response.json(path === "/o/1" ? order(origin) : authorization(origin, name, "../../x")),
      },
      120,
    ],
  ];
  for (const [words, change, seconds] of cases) {
    Object.assign(authority, change);
    want(name);
    fixture.start();
    const row = (await tried(name, 1))!;
    expect(row.lastError, words).toContain(words);
    expect(row.lastError, words).not.toMatch(/[\n\u0000\u001b\u202e]/);
    expect(row.nextAttemptAt! - row.lastErrorAt!, words).toBe(seconds * 1000);
    await fixture.halt();
    await fixture.store.deleteCertificatesById([row.id]);
    const account = (await fixture.store.acmeAccount(authority.acme.directoryUrl))!;
    await fixture.store.putAcmeAccount({ ...account, pausedUntil: null });
  }
});

test("an order whose certificate cannot be used is given up, and another one made", async () => {
  authority.onOrder = (_, origin) =>
    Response.json({ status: "pending" }, { status: 201, headers: { location: `${origin}/o/1` } });
  authority.onOther = (path, origin) =>
    path === "/o/1"
      ? Response.json({
          status: "valid",
          authorizations: [],
          finalize: `${origin}/f`,
          certificate: `${origin}/c`,
        })
      : new Response("this is no certificate");
  want("shop.example.test");
  const certificates = fixture.start();
  const first = (await tried("shop.example.test", 1))!;
  expect(first.lastError).toContain("says: what it issued cannot be used (certificate: must be PEM");
  expect(first.orderUrl).toBeNull();
  fixture.aheadMs += 24 * 3_600_000;
  certificates.kick();
  await tried("shop.example.test", 2);
  expect(authority.orders).toEqual(["shop.example.test", "shop.example.test"]);
});

test("an edge that refuses is asked ever less often, and at once when it is back", async () => {
  let asked = 0;
  let up = false;
  const health = async () => {
    asked++;
    if (!up) throw new Error("the edge is away");
    return { certificateVersion: 0, startedAtMs: 1 };
  };
  const certificates = fixture.start({ edge: { health, putCertificates: async () => {} } });
  await Bun.sleep(3_500);
  expect(asked).toBeLessThan(4);
  up = true;
  const before = asked;
  certificates.kick();
  await until(
    "it is asked",
    async () => asked,
    (now) => now > before,
    900,
  );
});
