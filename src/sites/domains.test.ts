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
let texts: Map<string, string[]>;
let zones: string[];
let changes: number;

beforeEach(async () => {
  fixture = await siteFixture();
  here = new Set();
  looks = [];
  texts = new Map();
  zones = [];
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
    texts: async (name) => texts.get(name) ?? [],
    challengeZones: async () => zones,
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

test("the domain of somebody's wildcard is theirs, too", async () => {
  const eve = await stranger();
  const waiting = await add("*.example.org");
  const proof = waiting.records.find(({ type }) => type === "TXT")!;
  texts.set(proof.name, [proof.value]);
  await verifyDomain(deps, fixture.owner, fixture.slug, "*.example.org");
  here.add("example.org");
  expect((await refusal(eve.claim("example.org"))).publicMessage).toContain("is above *.example.org");
  expect((await add("example.org")).state).toBe("verified");
});

test("a certificate is asked for again for a name that is the site's, not for one that it claims", async () => {
  const asked: string[] = [];
  deps.retryCertificate = async (name) => asked.push(name) > 0;
  const eve = await stranger();
  await eve.claim("example.org");
  here.add("example.org");
  await add("example.org");
  await verifyDomain(deps, eve.actor, eve.site.slug, "example.org");
  expect(asked).toEqual([]);
  await verifyDomain(deps, fixture.owner, fixture.slug, "example.org");
  expect(asked).toEqual(["example.org"]);
});

test("a claim whose look takes long holds up no other one", async () => {
  const { pointsHere } = deps;
  await add("slow.example.org");
  fixture.clock.advance(1_000);
  await add("example.net");
  here.add("example.net");
  fixture.clock.advance(31_000);
  const answer = Promise.withResolvers<Pointing>();
  deps.pointsHere = (name) => (name === "slow.example.org" ? answer.promise : pointsHere(name));
  const checked = checkClaims(deps, new AbortController().signal);
  while ((await list()).find(({ name }) => name === "example.net")!.state !== "verified") await Bun.sleep(5);
  answer.resolve({ here: false, reason: "it is elsewhere" });
  await checked;
  expect((await list()).map(({ error }) => error)).toEqual(["it is elsewhere", null]);
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
}, 60_000);

test("a wildcard is the site's once its DNS says so; an address record proves nothing", async () => {
  zones = ["acme.test"];
  const waiting = await add("*.Example.org");
  const proof = waiting.records.find(({ type }) => type === "TXT")!;
  expect(proof.name).toBe("_croft.example.org");
  expect(waiting).toMatchObject({
    name: "*.example.org",
    state: "waiting",
    error: "the TXT record of _croft.example.org is not there yet",
  });
  expect(waiting.records.map(({ type, name }) => `${name} ${type}`)).toEqual([
    "_croft.example.org TXT",
    "_acme-challenge.example.org CNAME",
    "*.example.org A",
    "*.example.org AAAA",
  ]);
  expect(waiting.records[1]!.value).toEndWith("._acme-challenge.acme.test");
  expect(waiting.nextStep).toContain(`_croft.example.org → ${proof.value} (TXT)`);
  expect(looks).toEqual([]);
  texts.set(proof.name, ["v=spf1 -all", proof.value]);
  const verify = () => verifyDomain(deps, fixture.owner, fixture.slug, "*.example.org");
  expect(await verify()).toMatchObject({ state: "verified", error: null });
  // From then on it is looked whether names of it lead here.
  expect((await verify()).error).toMatch(
    /^of a name below, croft-check-[0-9a-f]+\.example\.org is not here$/,
  );
  here.add("example.org");
  await add("example.org", { primary: true });
  // Names of a wildcard are the site's own to tell apart: none is led to the primary one.
  const views = await list();
  expect(views.map(({ name, redirectTo }) => [name, redirectTo])).toEqual([
    ["example.org", null],
    ["*.example.org", null],
  ]);
  expect((await showSite(fixture.deps, fixture.owner, fixture.slug)).urls).toEqual([
    "http://example.org",
    `http://${fixture.slug}.localhost`,
  ]);
});

test("in a zone that is answered for, a wildcard needs no CNAME record", async () => {
  zones = ["other.test", "example.org"];
  expect((await add("*.shop.example.org")).records.map(({ type }) => type)).toEqual(["TXT", "A", "AAAA"]);
});

test("a wildcard takes nobody's name, and keeps others off the names below it", async () => {
  const eve = await stranger();
  here.add("shop.example.org").add("late.example.org").add("deep.late.example.org");
  await eve.claim("shop.example.org");
  await eve.claim("early.example.org");
  const { records } = await add("*.example.org");
  texts.set("_croft.example.org", [records[0]!.value]);
  await verifyDomain(deps, fixture.owner, fixture.slug, "*.example.org");
  for (const name of ["late.example.org", "deep.late.example.org", "*.late.example.org"])
    expect((await refusal(eve.claim(name))).publicMessage, name).toContain(
      "lies under *.example.org, which is verified for somebody else here",
    );
  expect((await refusal(eve.claim("*.example.org"))).publicMessage).toContain("is verified for another site");
  // A claim of before that leads here only now comes too late; one that was verified before stays.
  here.add("early.example.org");
  const early = await verifyDomain(deps, eve.actor, eve.site.slug, "early.example.org");
  expect(early).toMatchObject({
    state: "waiting",
    error: expect.stringContaining("lies under *.example.org"),
  });
  const shop = await verifyDomain(deps, eve.actor, eve.site.slug, "shop.example.org");
  expect(shop).toMatchObject({ state: "verified", error: null });
  // The proof of one claim is no proof of another's.
  const theirs = await eve.claim("*.eve.org");
  texts.set("_croft.eve.org", [records[0]!.value]);
  expect(theirs.records[0]!.value).not.toBe(records[0]!.value);
  expect((await verifyDomain(deps, eve.actor, eve.site.slug, "*.eve.org")).state).toBe("waiting");
});

test("what a wildcard cannot be", async () => {
  for (const [input, message] of [
    [{ name: "*.example.org", primary: true }, "must be one name"],
    [{ name: "*.example.org", www: true }, "is not for a wildcard"],
    [{ name: "*.base.test" }, "must not be under base.test"],
    [{ name: "*.x.base.test" }, "must not be under base.test"],
    [{ name: "*.panel.test" }, "the panel's own"],
  ] as const)
    expect(
      (await refusal(addDomain(deps, fixture.owner, fixture.slug, addDomainSchema.parse(input))))
        .publicMessage,
    ).toContain(message);
  for (const name of [
    "*",
    "*.",
    "*.org",
    "*.*.example.org",
    "a.*.example.org",
    "**.example.org",
    "*.1.2.3.4",
  ])
    expect(addDomainSchema.safeParse({ name }).success, name).toBe(false);
  await add("example.org");
  await add("*.example.org");
  const change = (input: object) => changeDomain(deps, fixture.owner, fixture.slug, "*.example.org", input);
  expect((await refusal(change({ primary: true }))).publicMessage).toContain("must be one name");
});
