import { afterEach, beforeEach, expect, test } from "bun:test";
import { createStore, type Store } from "../../db/store.ts";
import { newId } from "../../domain/id.ts";
import { silentLog } from "../../domain/log.ts";
import { GB, MB } from "../../domain/size.ts";
import { eventually } from "../../testing/docker-fixture.ts";
import { type FakeClock, fakeClock } from "../../testing/fake-clock.ts";
import { deploymentOf, seedSite } from "../../testing/seed.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../../testing/temporary-database.ts";
import type { SupervisorDeps } from "../deps.ts";
import { createDiskWatch, type DiskWatch } from "./watch-disk.ts";

/** Real rows. What is on the disk, what the kernel counted, and the free space are variables. */
let database: TemporaryDatabase;
let store: Store;
let clock: FakeClock;
let free: number;
let written: Map<string, number>;
/** By commands. */
let ofRuns: Map<string, number>;
let layers: Map<string, number>;
/** What the engine was asked, in order. */
let acts: string[];
let countLasts: Promise<void>;
let deps: SupervisorDeps;
let watch: DiskWatch;
beforeEach(async () => {
  database = await temporaryDatabase();
  store = createStore(database.db);
  clock = fakeClock();
  [free, written, layers, acts, countLasts] = [50 * GB, new Map(), new Map(), [], Promise.resolve()];
  ofRuns = new Map();
  const act = (word: string) => async (id: string) => void acts.push(`${word} ${id}`);
  deps = {
    ...{ store, clock, log: silentLog },
    paths: { volume: (id: string) => id },
    folderBytes: async () => 0,
    hardVolumes: { space: async () => null },
    diskSpace: async () => [{ freeBytes: free, totalBytes: 100 * GB }],
    engine: {
      writes: async () =>
        [...written].map(([replicaId, writtenBytes]) => ({ replicaId, writtenBytes, loggedBytes: 0 })),
      diskUsage: async (id: string) => {
        acts.push(`count ${id}`);
        await countLasts;
        return { writableBytes: layers.get(id) ?? 0, logBytes: 0 };
      },
      inspectReplica: async () => ({ running: true, paused: false }),
      stopReplica: act("end"),
      pauseReplica: act("pause"),
      unpauseReplica: act("unpause"),
      usesOfOneOffs: async () =>
        [...ofRuns].map(([runId, writtenBytes]) => ({ runId, writtenBytes, loggedBytes: null })),
      removeOneOff: act("remove"),
    },
  } as unknown as SupervisorDeps;
  watch = createDiskWatch(deps, () => acts.push("kick"));
});
afterEach(() => database.close());

/** A site that may have 100 MB, with one replica. @returns the replica */
const site = async (): Promise<{ environment: string; replica: string }> => {
  const { environment } = await seedSite(store, { environment: { diskBytes: 100 * MB } });
  const deployment = deploymentOf(environment.id, { status: "success" });
  await store.insertDeployment(deployment);
  const releaseId = newId("rel");
  await store.insertRelease({
    ...{ id: releaseId, environmentId: environment.id, number: 1, deploymentId: deployment.id },
    ...{ imageId: "sha256:1", imageTag: null, config: "{}", env: "[]", sizeBytes: 1 },
    ...{ createdAt: 0, retiredAt: null },
  });
  const replica = newId("rep");
  await store.insertReplica({
    ...{ id: replica, releaseId, environmentId: environment.id, containerId: null },
    ...{ process: "web", state: "running", address: null, port: null, exitCode: null, oomKills: 0 },
    ...{ restarts: 0, reason: null, createdAt: 0, startedAt: 0, endedAt: null, nextRestartAt: null },
  });
  written.set(replica, 0);
  await store.updateEnvironment(environment.id, { diskUsedBytes: 0 });
  return { environment: environment.id, replica };
};
const writes = (replica: string, bytes: number, kept = bytes): void => {
  written.set(replica, written.get(replica)! + bytes);
  layers.set(replica, (layers.get(replica) ?? 0) + kept);
  free -= kept;
};
const command = async (environmentId: string): Promise<string> => {
  const id = newId("run");
  await store.insertRun({
    ...{ id, environmentId, kind: "exec", jobId: null, dueAt: null, command: "[]", timeoutSeconds: 60 },
    ...{ releaseId: null, replicaId: null, status: "running", askedBy: "ada", reason: null, exitCode: null },
    ...{ oomKilled: 0, output: null, createdAt: 0, startedAt: 0, endedAt: null },
  });
  return id;
};
const stoppedReason = async (id: string) => (await store.environmentById(id))!.stoppedReason;

/** As after a first count of all. */
const begin = async (): Promise<void> => {
  await watch.look();
  await watch.count();
  acts.length = 0;
};

test("while free space stays, and while who wrote cannot be over, nothing is counted", async () => {
  const { replica } = await site();
  await begin();
  await watch.look();
  writes(replica, 60 * MB);
  await watch.look();
  expect(acts).toEqual([]);
});

test("where nothing was written since, a count of all passes by; near the limit, or after ten minutes, it does not", async () => {
  const [quiet, near] = [await site(), await site()];
  writes(near.replica, 80 * MB);
  await begin();
  await watch.count();
  expect(acts).toEqual([`count ${near.replica}`]);
  acts.length = 0;
  writes(quiet.replica, 1);
  await watch.count();
  expect(acts.toSorted()).toEqual([`count ${near.replica}`, `count ${quiet.replica}`].toSorted());
  acts.length = 0;
  clock.advance(11 * 60_000);
  await watch.count();
  expect(acts).toContain(`count ${quiet.replica}`);
  acts.length = 0;
  written.delete(quiet.replica);
  await watch.count();
  expect(acts).toContain(`count ${quiet.replica}`);
});

test("who wrote as much as was left is counted alone, and ended at once when it is over", async () => {
  const [quiet, loud] = [await site(), await site()];
  await begin();
  writes(loud.replica, 120 * MB);
  await watch.look();
  expect(acts).toEqual([`count ${loud.replica}`, `end ${loud.replica}`, "kick"]);
  expect(await stoppedReason(loud.environment)).toBe("disk_full");
  expect(await stoppedReason(quiet.environment)).toBeNull();
});

test("who writes over the same place is counted, goes on, and is not counted again at each look", async () => {
  const { environment, replica } = await site();
  await begin();
  for (let looks = 0; looks < 4; looks++) {
    writes(replica, 150 * MB, 2 * MB);
    clock.advance(250);
    await watch.look();
  }
  expect(acts.length).toBeLessThan(2);
  clock.advance(2100);
  writes(replica, 150 * MB, 2 * MB);
  await watch.look();
  expect(acts).toContain(`count ${replica}`);
  expect(await stoppedReason(environment)).toBeNull();
});

test("space that goes without a write, as by fallocate(2), has everybody counted who could have taken it", async () => {
  const { environment, replica } = await site();
  await begin();
  clock.advance(2100);
  layers.set(replica, 300 * MB);
  free -= 300 * MB;
  await watch.look();
  expect(await stoppedReason(environment)).toBe("disk_full");
});

test("of the reserve nobody gets anything: whoever writes most is stopped, though within its limit", async () => {
  const [slow, fast] = [await site(), await site()];
  await begin();
  free = 4 * GB;
  await watch.look();
  writes(slow.replica, 5 * MB);
  writes(fast.replica, 40 * MB);
  await watch.look();
  expect(await stoppedReason(fast.environment)).toBe("disk_full");
  expect(await stoppedReason(slow.environment)).toBeNull();
  const [event] = await store.eventsOf([fast.environment], 1);
  expect(event!.message).toContain("the server's disk has");
});

test("while a count takes long the site stands still, and goes on when it is within its limit", async () => {
  const { environment, replica } = await site();
  await begin();
  const through = Promise.withResolvers<void>();
  countLasts = through.promise;
  clock.advance(2100);
  writes(replica, 120 * MB, 90 * MB);
  const looking = watch.look();
  await eventually("it stands still", () => acts.includes(`pause ${replica}`));
  expect(watch.held.has(environment)).toBe(true);
  through.resolve();
  await looking;
  expect(acts).toEqual([`count ${replica}`, `pause ${replica}`, `unpause ${replica}`]);
  expect(watch.held.size).toBe(0);
  expect(await stoppedReason(environment)).toBeNull();
});

test("a command of a site that is stopped is held to the limit; with one that was over it may clear up", async () => {
  for (const reason of ["asked", "disk_full"] as const) {
    const { environment, replica } = await site();
    await store.updateReplica(replica, { state: "removed" });
    const diskUsedBytes = reason === "asked" ? 1 * MB : 120 * MB;
    const run = await command(environment);
    layers.set(run, 1 * MB);
    await begin();
    await store.updateEnvironment(environment, { stoppedReason: reason, diskUsedBytes });
    clock.advance(2100);
    await watch.look();
    expect(acts).not.toContain(`remove ${run}`);
    layers.set(run, 130 * MB);
    free -= 130 * MB;
    clock.advance(2100);
    await watch.look();
    expect(acts).toContain(`remove ${run}`);
    await store.moveRun(run, "running", { status: "lost" });
  }
});

test("of the reserve commands get nothing either, and it is their site that is blamed, not who writes a little", async () => {
  const [slow, fast] = [await site(), await site()];
  const run = await command(fast.environment);
  await begin();
  free = 4 * GB;
  await watch.look();
  writes(slow.replica, 20 * MB);
  ofRuns.set(run, 30 * MB);
  free -= 30 * MB;
  await watch.look();
  expect(acts).toContain(`remove ${run}`);
  expect(await stoppedReason(fast.environment)).toBe("disk_full");
  expect(await stoppedReason(slow.environment)).toBeNull();
});
