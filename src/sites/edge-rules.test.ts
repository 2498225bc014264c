import { expect, test } from "bun:test";
import { defaultEdgeRules, edgeRulesPatchSchema } from "../domain/edge-rules.ts";
import { siteFixture } from "../testing/site-fixture.ts";
import { setEdgeRules, showEdgeRules } from "./edge-rules.ts";

test("what is not given stays; only what differs from the defaults is stored", async () => {
  const told: string[] = [];
  await using site = await siteFixture();
  site.deps.onChange.environment = async (id) => void told.push(id);
  const { deps, owner, slug, store, environmentId } = site;
  expect(await showEdgeRules(deps, owner, slug)).toEqual(defaultEdgeRules);
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
