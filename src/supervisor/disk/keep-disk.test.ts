import { afterEach, beforeEach, expect, test } from "bun:test";
import { createStore, type Store } from "../../db/store.ts";
import { newId } from "../../domain/id.ts";
import { silentLog } from "../../domain/log.ts";
import { GB, MB } from "../../domain/size.ts";
import { type FakeClock, fakeClock } from "../../testing/fake-clock.ts";
import { seedSite } from "../../testing/seed.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../../testing/temporary-database.ts";
import type { SupervisorDeps } from "../deps.ts";
import { keepDisk } from "./keep-disk.ts";
import { pauseAfterMs } from "./stop-for-disk.ts";

/** Real rows; what lies on the disk is a variable, null as after a count that took too long. */
let database: TemporaryDatabase;
let store: Store;
let clock: FakeClock;
let used: Record<string, number | null>;
let space: Record<string, { usedBytes: number; freeBytes: number }>;
let freeBytes: number;
let deps: SupervisorDeps;
beforeEach(async () => {
  database = await temporaryDatabase();
  store = createStore(database.db);
  clock = fakeClock();
  [used, space, freeBytes] = [{}, {}, 50 * GB];
  deps = {
    ...{ store, clock, log: silentLog },
    paths: { volume: (id: string) => id },
    folderBytes: async (id: string) => (id in used ? used[id]! : 0),
    hardVolumes: { space: async (id: string) => space[id] ?? null },
    diskSpace: async () => [{ freeBytes, totalBytes: 100 * GB }],
    engine: { stopReplica: async () => {}, diskUsage: async () => null },
  } as unknown as SupervisorDeps;
});
afterEach(() => database.close());

/** A site that may have 1,000 MB, with one volume. */
const site = async (kind: "loop" | "folder", sizeBytes: number | null = null) => {
  const { environment } = await seedSite(store, { environment: { diskBytes: 1000 * MB } });
  const id = newId("vol");
  const name = "data";
  await store.insertVolume({ id, environmentId: environment.id, name, mountPath: "/data", createdAt: 0 });
  await store.insertVolumeStorage({
    ...{ volumeId: id, kind, fileSystem: kind === "loop" ? "ext4" : null },
    ...{ sizeBytes, usedBytes: null, measuredAt: null },
  });
  return { id: environment.id, volume: id };
};
const stoppedReason = async (id: string) => (await store.environmentById(id))!.stoppedReason;
const told = async (id: string) =>
  (await store.eventsOf([id], 20)).map(({ kind, endedAt }) => `${kind}${endedAt === null ? "" : " ended"}`);

test("a folder that cannot be counted in time is not taken for an empty one, and holds nobody else up", async () => {
  const [lost, other] = [await site("folder"), await site("folder")];
  used = { [lost.volume]: null, [other.volume]: 2000 * MB };
  await store.updateEnvironment(lost.id, { diskUsedBytes: 900 });
  expect(await keepDisk(deps)).toBe(true);
  expect((await store.environmentById(lost.id))!.diskUsedBytes).toBe(900);
  expect(await stoppedReason(lost.id)).toBeNull();
  expect(await stoppedReason(other.id)).toBe("disk_full");
});

test("at 80 % people are warned once, below 75 % no longer", async () => {
  const { id, volume } = await site("folder");
  for (const megabytes of [799, 800, 900, 760]) {
    used[volume] = megabytes * MB;
    await keepDisk(deps);
  }
  expect(await told(id)).toEqual(["disk.near_full"]);
  used[volume] = 740 * MB;
  await keepDisk(deps);
  expect(await told(id)).toEqual(["disk.near_full ended"]);
  expect(await stoppedReason(id)).toBeNull();
});

test("past its limit a site is stopped; with a higher one it starts at once, and the event has ended", async () => {
  const { id, volume } = await site("folder");
  used[volume] = 1001 * MB;
  expect(await keepDisk(deps)).toBe(true);
  expect(await stoppedReason(id)).toBe("disk_full");
  expect(await told(id)).toEqual(["disk.full"]);
  await store.updateEnvironment(id, { diskBytes: 2000 * MB });
  expect(await keepDisk(deps)).toBe(true);
  expect(await stoppedReason(id)).toBeNull();
  expect((await told(id)).toSorted()).toEqual(["disk.eased ended", "disk.full ended"]);
});

test("where space was freed it starts after a pause, which grows with each stop; not while the server has none", async () => {
  const { id, volume } = await site("folder");
  for (let stops = 1; stops <= 3; stops++) {
    used[volume] = 1001 * MB;
    await keepDisk(deps);
    used[volume] = 100 * MB;
    clock.advance(pauseAfterMs(stops) - 1);
    expect(await keepDisk(deps)).toBe(false);
    clock.advance(1);
    freeBytes = 4 * GB;
    expect(await keepDisk(deps)).toBe(false);
    freeBytes = 50 * GB;
    expect(await keepDisk(deps)).toBe(true);
    expect(await stoppedReason(id)).toBeNull();
  }
  expect([1, 2, 3, 20].map((stops) => pauseAfterMs(stops) / 60_000)).toEqual([1, 2, 4, 60]);
});

test("a site that somebody has stopped stays so, whatever it has on the disk", async () => {
  const { id } = await site("folder");
  await store.updateEnvironment(id, { stoppedReason: "asked" });
  expect(await keepDisk(deps)).toBe(false);
  expect(await stoppedReason(id)).toBe("asked");
});

test("a full file system stops nobody: that writes are refused is told, and when there is room again", async () => {
  const { id, volume } = await site("loop", 500 * MB);
  space[volume] = { usedBytes: 490 * MB, freeBytes: 0 };
  expect(await keepDisk(deps)).toBe(false);
  expect(await stoppedReason(id)).toBeNull();
  expect((await told(id)).toSorted()).toEqual(["disk.full", "disk.near_full"]);
  space[volume] = { usedBytes: 100 * MB, freeBytes: 390 * MB };
  await keepDisk(deps);
  expect((await told(id)).toSorted()).toEqual(["disk.full ended", "disk.near_full ended"]);
  expect((await store.volumeStorageOf([id])).get(volume)!.usedBytes).toBe(100 * MB);
});

test("a folder over the size it was given stops its site", async () => {
  const { id, volume } = await site("folder", 100 * MB);
  used[volume] = 101 * MB;
  expect(await keepDisk(deps)).toBe(true);
  expect(await stoppedReason(id)).toBe("disk_full");
  const [event] = await store.eventsOf([id], 1);
  expect(event!.message).toContain("volume data holds 101 MB, and may hold 100 MB");
});
