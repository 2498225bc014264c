import { expect, test } from "bun:test";
import type { EnvironmentRecord, ReleaseRecord, ReplicaRecord } from "../domain/records.ts";
import { longestPauseMs } from "../domain/traffic.ts";
import type { AppError } from "../errors.ts";
import { deploymentOf } from "../testing/seed.ts";
import { siteFixture } from "../testing/site-fixture.ts";
import { pauseSite, resumeSite } from "./pause.ts";
import { restartSite } from "./restart.ts";
import { showSite, statusOf } from "./site-view.ts";
import { setSplit, showSplit } from "./split.ts";
import { startSite, stopSite } from "./stop-start.ts";

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

test("a site whose new containers are on their way has not failed; one whose containers end has", () => {
  const environment = { stoppedReason: null } as EnvironmentRecord;
  const current = { imageId: "sha256:1", config: "{}" } as ReleaseRecord;
  const replica = (change: Partial<ReplicaRecord>) =>
    ({ process: "web", restarts: 0, reason: null, ...change }) as ReplicaRecord;
  const status = (...replicas: ReplicaRecord[]) => statusOf(environment, undefined, current, replicas).status;
  const [old, fresh] = [replica({ state: "draining" }), replica({ state: "starting" })];
  expect(status(old)).toBe("running");
  expect(status(fresh)).toBe("running");
  expect(status(old, fresh)).toBe("running");
  expect(status(old, replica({ state: "exited" }))).toBe("failed");
  expect(status(replica({ state: "starting", restarts: 1 }))).toBe("failed");
  expect(status(old, replica({ state: "exited", reason: "it ended with status 1" }))).toBe("failed");
  expect(status()).toBe("failed");
});

test("a site just started is said to come, and to have failed when no container does", async () => {
  await using site = await siteFixture();
  const { deps, owner, slug, store, environmentId, clock } = site;
  const deployment = deploymentOf(environmentId, { status: "success" });
  await store.insertDeployment(deployment);
  await store.insertRelease({
    ...{ id: "rel_1", environmentId, number: 1, deploymentId: deployment.id, imageId: "sha256:1" },
    ...{ imageTag: null, config: "{}", env: "[]", sizeBytes: null, createdAt: 0, retiredAt: null },
  });
  await store.updateEnvironment(environmentId, { currentReleaseId: "rel_1" });
  const status = async () => (await showSite(deps, owner, slug)).status;
  expect(await status()).toBe("failed");
  await stopSite(deps, owner, slug);
  expect(await status()).toBe("stopped");
  await startSite(deps, owner, slug);
  expect(await showSite(deps, owner, slug)).toMatchObject({ status: "deploying", statusReason: null });
  clock.advance(10_001);
  expect(await status()).toBe("failed");
});

test("only what runs can be restarted, and what can be split is kept and has containers", async () => {
  await using site = await siteFixture();
  const { deps, owner, slug, store, environmentId } = site;
  const refusalOf = (act: Promise<unknown>) =>
    act.then(
      () => null,
      (error: AppError) => error.publicMessage,
    );
  const refusal = () => refusalOf(restartSite(deps, owner, slug));
  expect(await refusal()).toContain("has not been deployed yet");
  const deployment = deploymentOf(environmentId, { status: "success" });
  await store.insertDeployment(deployment);
  const release = (number: number, change: Partial<ReleaseRecord> = {}): ReleaseRecord => ({
    ...{ id: `rel_${number}`, environmentId, number, deploymentId: deployment.id, imageId: "sha256:1" },
    ...{ imageTag: null, config: "{}", env: "[]", sizeBytes: null, createdAt: 0, retiredAt: null },
    ...change,
  });
  await store.insertRelease(release(1, { retiredAt: 1 }));
  await store.insertRelease(release(2, { imageId: null }));
  await store.insertRelease(release(3));
  await store.insertRelease(release(4));
  await store.updateEnvironment(environmentId, { currentReleaseId: "rel_2" });
  expect(await refusal()).toContain("is static");
  await store.updateEnvironment(environmentId, { currentReleaseId: "rel_4" });
  expect(await refusalOf(restartSite({ ...deps, engineUp: () => false }, owner, slug))).toContain(
    "Docker does not answer",
  );
  expect(await refusal()).toBeNull();

  const split = (...numbers: number[]) =>
    refusalOf(
      setSplit(deps, owner, slug, { releases: numbers.map((number) => ({ release: number, weight: 1 })) }),
    );
  expect(await split(4, 1)).toContain("release 1 is not kept any more");
  expect(await split(4, 2)).toContain("release 2 is static");
  expect(await split(3)).toContain("must include the current release");
  expect(await split(4, 3)).toBeNull();
  expect((await showSplit(deps, owner, slug)).releases).toHaveLength(2);
  // What it was about is no longer there.
  await store.updateEnvironment(environmentId, { currentReleaseId: "rel_2" });
  expect((await showSplit(deps, owner, slug)).releases).toEqual([]);

  await store.updateEnvironment(environmentId, { currentReleaseId: "rel_4", stoppedReason: "asked" });
  expect(await refusal()).toContain("is stopped");
  await store.updateEnvironment(environmentId, { stoppedReason: null });
  await store.insertDeployment(deploymentOf(environmentId, { status: "building", createdAt: 5 }));
  expect(await refusal()).toContain("is being deployed");
});
