import { afterEach, beforeEach, expect, test } from "bun:test";
import { silentLog } from "../domain/log.ts";
import { AppError } from "../errors.ts";
import { seedSite } from "../testing/seed.ts";
import { type SiteFixture, siteFixture } from "../testing/site-fixture.ts";
import { deleteSite } from "./delete-site.ts";
import type { DomainDeps, Pointing } from "./domain-deps.ts";
import {
  addDomain,
  addDomainSchema,
  changeDomain,
  checkClaims,
  listDomains,
  removeDomain,
  verifyDomain,
} from "./domains.ts";
import { showSite } from "./site-view.ts";

let fixture: SiteFixture;
let deps: DomainDeps;
/** Names that lead here. */
let here: Set<string>;
let looks: string[];
let changes: number;

beforeEach(async () => {
  fixture = await siteFixture();
  here = new Set();
  looks = [];
  changes = 0;
  deps = {
    store: fixture.store,
    clock: fixture.clock,
    log: silentLog,
    baseDomain: "base.test",
    panelDomain: "panel.test",
    hostOf: (slug) => `${slug}.base.test`,
    urlOfHost: (host) => `http://${host}`,
    publicAddresses: () => ["203.0.113.7", "2001:db8::7"],
    ordersCertificates: true,
    pointsHere: async (name): Promise<Pointing> => {
      looks.push(name);
      return here.has(name) ? { here: true } : { here: false, reason: `${name} is not here` };
    },
    onDomains: async () => void changes++,
    retryCertificate: async () => false,
  };
});
afterEach(() => fixture[Symbol.asyncDispose]());

const add = (name: string, more: { www?: boolean; primary?: boolean } = {}) =>
  addDomain(deps, fixture.owner, fixture.slug, addDomainSchema.parse({ name, ...more }));
const list = () => listDomains(deps, fixture.owner, fixture.slug);
const day = 24 * 3_600_000;

/** A site of somebody else. */
const stranger = async () => {
  const { site } = await seedSite(fixture.store);
  const actor = { ...fixture.owner, userId: site.ownerUserId!, username: "eve" };
  const claim = (name: string) => addDomain(deps, actor, site.slug, addDomainSchema.parse({ name }));
  return { site, actor, claim };
};

const refusal = async (promise: Promise<unknown>): Promise<AppError> =>
  promise.then(
    () => {
      throw new Error("it was not refused");
    },
    (error: AppError) => error,
  );

test("a domain that leads here is the site's at once", async () => {
  here.add("example.org");
  const view = await add("Example.org");
  expect(view).toMatchObject({ name: "example.org", state: "verified", error: null, nextStep: null });
  expect(changes).toBe(1);
  expect((await showSite(fixture.deps, fixture.owner, fixture.slug)).urls).toEqual([
    "http://example.org",
    `http://${fixture.slug}.localhost`,
  ]);
});

test("one that does not yet says what to do, is looked at ever less often, and ends after a week", async () => {
  const view = await add("example.org");
  expect(view).toMatchObject({
    state: "waiting",
    error: "example.org is not here",
    nextStep: "add these records: example.org → 203.0.113.7 (A), example.org → 2001:db8::7 (AAAA)",
    certificate: null,
  });
  expect((await showSite(fixture.deps, fixture.owner, fixture.slug)).urls).toHaveLength(1);
  const { signal } = new AbortController();
  const pauses: number[] = [];
  for (let i = 0; i < 14; i++) {
    const next = Date.parse((await list())[0]!.nextCheckAt!);
    pauses.push(next - fixture.clock.nowMs());
    await checkClaims(deps, signal);
    fixture.clock.advance(next - fixture.clock.nowMs());
    await checkClaims(deps, signal);
  }
  expect(looks).toHaveLength(15);
  expect(pauses[0]).toBe(30_000);
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
  expect(Math.max(...pauses)).toBe(3_600_000);
  fixture.clock.advance(7 * day);
  await checkClaims(deps, signal);
  expect(await list()).toEqual([]);
});

test("a claim is verified by itself once it leads here", async () => {
  await add("example.org");
  here.add("example.org");
  fixture.clock.advance(31_000);
  await checkClaims(deps, new AbortController().signal);
  expect((await list())[0]).toMatchObject({ state: "verified", expiresAt: null });
  fixture.clock.advance(30 * day);
  await checkClaims(deps, new AbortController().signal);
  expect(await list()).toHaveLength(1);
});

test("of two who claim a name the first who verifies it has it", async () => {
  const eve = await stranger();
  await add("example.org");
  await eve.claim("example.org");
  here.add("example.org");
  await verifyDomain(deps, fixture.owner, fixture.slug, "example.org");
  const late = await verifyDomain(deps, eve.actor, eve.site.slug, "example.org");
  expect(late).toMatchObject({
    state: "waiting",
    error: "it is verified for another site here",
  });
  expect((await refusal(eve.claim("example.org"))).code).toBe("conflict");
});

test("names below somebody's domain are theirs alone", async () => {
  const eve = await stranger();
  here.add("example.org").add("shop.example.org");
  await add("example.org");
  expect((await refusal(eve.claim("shop.example.org"))).publicMessage).toContain("lies under example.org");
  expect((await add("shop.example.org")).state).toBe("verified");
});

test("names that are not a site's to have are refused", async () => {
  for (const name of ["panel.test", "base.test", "other.base.test"])
    expect((await refusal(add(name))).fields[0]?.path, name).toBe("name");
  await add("example.org");
  expect((await refusal(add("example.org"))).code).toBe("conflict");
});

test("www leads to the name it was added with; the primary domain has all others lead to it", async () => {
  for (const name of ["example.org", "www.example.org", "example.net"]) here.add(name);
  await add("example.org", { www: true });
  await add("example.net");
  const leads = async () => (await list()).map(({ name, redirectTo }) => `${name} ${redirectTo}`);
  expect(await leads()).toEqual(["example.net null", "example.org null", "www.example.org example.org"]);
  await changeDomain(deps, fixture.owner, fixture.slug, "example.net", { primary: true });
  expect(await leads()).toEqual([
    "example.net null",
    "example.org example.net",
    "www.example.org example.net",
  ]);
  expect((await showSite(fixture.deps, fixture.owner, fixture.slug)).urls[0]).toBe("http://example.net");
  await changeDomain(deps, fixture.owner, fixture.slug, "example.org", { primary: true });
  expect((await list()).filter((one) => one.primary).map((one) => one.name)).toEqual(["example.org"]);
  const change = (name: string, redirectTo: string) =>
    refusal(changeDomain(deps, fixture.owner, fixture.slug, name, { redirectTo }));
  expect((await change("example.net", "elsewhere.org")).fields[0]?.path).toBe("redirectTo");
  expect((await change("example.net", "www.example.org")).publicMessage).toContain("leads to example.org");
  expect((await change("example.org", "example.net")).publicMessage).toContain("primary");
});

test("a verified domain that leads elsewhere stays, and says so", async () => {
  here.add("example.org");
  await add("example.org");
  here.clear();
  const view = await verifyDomain(deps, fixture.owner, fixture.slug, "example.org");
  expect(view).toMatchObject({ state: "verified", error: "example.org is not here" });
  expect(view.nextStep).toContain("203.0.113.7");
  here.add("example.org");
  expect((await verifyDomain(deps, fixture.owner, fixture.slug, "example.org")).error).toBeNull();
});

test("a domain that is removed, or whose site is deleted, is free for others", async () => {
  const eve = await stranger();
  here.add("example.org");
  await add("example.org");
  await removeDomain(deps, fixture.owner, fixture.slug, "EXAMPLE.org");
  expect((await eve.claim("example.org")).state).toBe("verified");
  await deleteSite(fixture.deps, eve.actor, eve.site.slug, { confirm: eve.site.slug, volumes: false });
  expect((await add("example.org")).state).toBe("verified");
});

test("other people's domains are neither seen nor changed", async () => {
  const eve = await stranger();
  await add("example.org");
  for (const attempt of [
    listDomains(deps, eve.actor, fixture.slug),
    verifyDomain(deps, eve.actor, fixture.slug, "example.org"),
    changeDomain(deps, eve.actor, fixture.slug, "example.org", { primary: true }),
    removeDomain(deps, eve.actor, fixture.slug, "example.org"),
    addDomain(deps, eve.actor, fixture.slug, { name: "a.example.org" }),
  ])
    expect((await refusal(attempt)).code).toBe("not_found");
  expect(await list()).toHaveLength(1);
});

test("a site has at most 50", async () => {
  for (let i = 0; i < 50; i++) await add(`d${i}.example.org`);
  expect((await refusal(add("one-more.example.org"))).publicMessage).toContain("at most 50");
});
