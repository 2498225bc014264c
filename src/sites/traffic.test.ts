import { expect, test } from "bun:test";
import { longestPauseMs } from "../domain/traffic.ts";
import { siteFixture } from "../testing/site-fixture.ts";
import { pauseSite, resumeSite } from "./pause.ts";
import { showSite } from "./site-view.ts";
import { setSplit, showSplit } from "./split.ts";

test("a pause is shown with its end, begins its time anew, and ends by itself", async () => {
  await using site = await siteFixture();
  const { deps, owner, slug, clock, store, database } = site;
  const pause = async () => (await showSite(deps, owner, slug)).pause;
  expect(await pause()).toBeNull();
  await pauseSite(deps, owner, slug, { maxSeconds: 5 });
  const first = await pause();
  expect(first).toMatchObject({ maxSeconds: 5 });
  expect(Date.parse(first!.resumesAt) - Date.parse(first!.since)).toBe(longestPauseMs);
  clock.advance(1000);
  await pauseSite(deps, owner, slug, { maxSeconds: 7 });
  expect(await pause()).toMatchObject({ since: first!.since, maxSeconds: 7 });
  await resumeSite(deps, owner, slug);
  expect(await pause()).toBeNull();
  await resumeSite(deps, owner, slug);
  await pauseSite(deps, owner, slug, { maxSeconds: 7 });
  clock.advance(longestPauseMs);
  expect(await pause()).toBeNull();
  expect(await store.allPauses()).toHaveLength(1);
  const acts = database.raw.query("SELECT action FROM audit_log").values().flat();
  expect(acts.toSorted()).toEqual(["site.pause", "site.pause", "site.pause", "site.resume"]);
});

test("used up bandwidth is shown by what follows from it", async () => {
  await using site = await siteFixture();
  const { deps, owner, slug, store, environmentId } = site;
  const bandwidth = async () => (await showSite(deps, owner, slug)).bandwidth;
  expect(await bandwidth()).toEqual({ state: "ok", since: null });
  await store.noteBandwidthUsedUp({ environmentId, since: 0 });
  expect(await bandwidth()).toEqual({ state: "throttled", since: "1970-01-01T00:00:00.000Z" });
  for (const [policy, state] of [
    ["warn", "warn"],
    ["block", "blocked"],
  ]) {
    await store.putEdgeRules({
      environmentId,
      rules: JSON.stringify({ bandwidthPolicy: policy }),
      updatedAt: 0,
    });
    expect((await bandwidth()).state).toBe(state as never);
  }
});

test("somebody else's site can neither be paused nor split", async () => {
  await using site = await siteFixture();
  const { deps, slug } = site;
  const stranger = { ...site.owner, userId: "usr_stranger" };
  const refused = { code: "not_found" };
  expect(pauseSite(deps, stranger, slug, { maxSeconds: 5 })).rejects.toMatchObject(refused);
  expect(resumeSite(deps, stranger, slug)).rejects.toMatchObject(refused);
  expect(showSplit(deps, stranger, slug)).rejects.toMatchObject(refused);
  expect(setSplit(deps, stranger, slug, { releases: [] })).rejects.toMatchObject(refused);
});
