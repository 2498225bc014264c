import { expect, test } from "bun:test";
import { defaultEdgeRules, edgeRulesPatchSchema, edgeRulesView } from "../domain/edge-rules.ts";
import { siteFixture } from "../testing/site-fixture.ts";
import { setEdgeRules, showEdgeRules } from "./edge-rules.ts";

test("what is not given stays; only what differs from the defaults is stored", async () => {
  const told: string[] = [];
  await using site = await siteFixture();
  site.deps.onChange.environment = async (id) => void told.push(id);
  const { deps, owner, slug, store, environmentId } = site;
  expect(await showEdgeRules(deps, owner, slug)).toEqual(edgeRulesView(defaultEdgeRules));
  await setEdgeRules(deps, owner, slug, { bandwidthPolicy: "block" });
  const both = await setEdgeRules(deps, owner, slug, { clientRequestsPerMinute: 5 });
  expect(both).toEqual({ ...defaultEdgeRules, bandwidthPolicy: "block", clientRequestsPerMinute: 5 });
  await setEdgeRules(deps, owner, slug, { bandwidthPolicy: "throttle" });
  expect((await store.edgeRulesOf(environmentId))!.rules).toBe('{"clientRequestsPerMinute":5}');
  expect(told).toEqual([environmentId, environmentId, environmentId]);
});

test("somebody else's site has no rules to see", async () => {
  await using site = await siteFixture();
  const stranger = { ...site.owner, userId: "usr_stranger" };
  expect(showEdgeRules(site.deps, stranger, site.slug)).rejects.toMatchObject({ code: "not_found" });
  expect(setEdgeRules(site.deps, stranger, site.slug, {})).rejects.toMatchObject({ code: "not_found" });
});

test("a refusal says what is allowed", () => {
  const refused = (patch: unknown): string =>
    edgeRulesPatchSchema.safeParse(patch).error!.issues.map((issue) => issue.message)[0]!;
  expect(refused({ bandwidthPolicy: "explode" })).toBe("must be one of throttle, block, warn");
  expect(refused({ clientRequestsPerMinute: 0 })).toContain("between 1 and 10,000,000");
  expect(refused({ bandwidthThrottleBytesPerSecond: 1 })).toBe("must be between 1 KB and 10 GB a second");
  expect(edgeRulesPatchSchema.parse({})).toEqual({});
});

test("passwords are hashed, kept for names that come without one, and shown to nobody", async () => {
  await using site = await siteFixture();
  const { deps, owner, slug, store, environmentId, database } = site;
  const view = await setEdgeRules(deps, owner, slug, { basicAuth: [{ name: "ada", password: "love lace" }] });
  expect(view.basicAuth).toEqual([{ name: "ada" }]);
  const stored = async () => JSON.parse((await store.edgeRulesOf(environmentId))!.rules).basicAuth;
  const [ada] = await stored();
  expect(await Bun.password.verify("love lace", ada.passwordHash)).toBe(true);
  await setEdgeRules(deps, owner, slug, {
    basicAuth: [{ name: "ada" }, { name: "lin", password: "long enough" }],
  });
  expect((await stored())[0]).toEqual(ada);
  expect(setEdgeRules(deps, owner, slug, { basicAuth: [{ name: "eve" }] })).rejects.toThrow("eve is new");
  const audit = JSON.stringify(database.raw.query("SELECT old_value, new_value FROM audit_log").all());
  expect(audit).toContain("ada");
  expect(audit).not.toContain("argon2");
});

const refusals: [patch: unknown, words: string][] = [
  [{ redirects: [{ from: "/a", to: "/a" }] }, "leads back"],
  [{ redirects: [{ from: "/a", to: "/a/b", prefix: true }] }, "leads back"],
  [{ redirects: [{ from: "/a", to: "//evil.test" }] }, "must be a path such as /new"],
  [{ redirects: [{ from: "/a", to: "/b\r\nX: y" }] }, "must be a path such as /new"],
  [{ redirects: [{ from: "/a", to: "javascript:alert(1)" }] }, "must be a path such as /new"],
  [{ redirects: [{ from: "a", to: "/b" }] }, "must be a path such as /old"],
  [{ redirects: [{ from: "/a", to: "/b", status: 200 }] }, "must be 301, 302, 307 or 308"],
  [{ allow: ["10.0.0.0/33"] }, "must be an address or a network"],
  [{ deny: ["10.0.0/8"] }, "must be an address or a network"],
  [{ deny: ["fe80::1%eth0"] }, "must be an address or a network"],
  [{ responseHeaders: [{ name: "Transfer-Encoding", value: "chunked" }] }, "sets itself"],
  [{ responseHeaders: [{ name: "Set-Cookie", value: "a=b" }] }, "sets itself"],
  [{ responseHeaders: [{ name: "X-A", value: "a\r\nb" }] }, "printable ASCII"],
  [{ responseHeaders: [{ name: "X A", value: "a" }] }, "must be a field's name"],
  [{ pages: { error: "x".repeat(65_537) } }, "64 KB at most"],
  [{ basicAuth: [{ name: "a:b", password: "long enough" }] }, "without blank and colon"],
  [{ basicAuth: [{ name: "ada", password: "short" }] }, "8 characters at least"],
  [{ maintenance: { retryAfterSeconds: 0 } }, "between 1 and 604,800"],
  [{ hstsSeconds: -1 }, "between 0 and 63,072,000"],
];

test("what may not be is refused in words that say what may", () => {
  for (const [patch, words] of refusals) {
    const parsed = edgeRulesPatchSchema.safeParse(patch);
    expect(parsed.success, words).toBe(false);
    expect(parsed.error!.issues.map((issue) => issue.message).join("; ")).toContain(words);
  }
});
