import { afterEach, beforeEach, expect, test } from "bun:test";
import { eventQueries } from "../db/queries/events.ts";
import { createStore, type Store } from "../db/store.ts";
import { systemActor } from "../domain/actor.ts";
import type { GuardSettingsPatch } from "../domain/guard.ts";
import { silentLog } from "../domain/log.ts";
import { GB, MB } from "../domain/size.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { seedSite } from "../testing/seed.ts";
import { temporaryDatabase, type TemporaryDatabase } from "../testing/temporary-database.ts";
import { buildsMeter, type GuardDeps } from "./deps.ts";
import { createGuard, type Guard } from "./guard.ts";

const operator = systemActor("test");
/** Past which the real machine is, or never is; the guard looks at the real one. */
const short: GuardSettingsPatch = { diskFreeBytes: 100 * 1024 * GB };
const calm: GuardSettingsPatch = {
  ...{ diskFreeBytes: 16 * MB, memoryAvailableBytes: 16 * MB, memoryStalledPercent: 100 },
  ...{ cpuStalledPercent: 100, ioStalledPercent: 100 },
};

let database: TemporaryDatabase;
let store: Store;
let clock: ReturnType<typeof fakeClock>;
let written: Map<string, number>;
let applied: string[];
let idle: string[];
let sites: { environmentId: string; slug: string; isInternal?: boolean }[];
let guard: Guard;

const start = (isOn = true): Guard => {
  const deps: GuardDeps = {
    ...{ store, clock, isOn, cores: 2, log: silentLog },
    folders: async () => [database.dir],
    sites: async () =>
      sites.map(({ environmentId, slug, isInternal = false }) => ({
        ...{ siteId: "site_1", environmentId, slug, environment: "production", cpuMillicores: 500 },
        isInternal,
        replicaIds: [`rep_${slug}`],
      })),
    consumption: async (withWrites) =>
      [...written].map(([replicaId, bytes]) => ({
        ...{ replicaId, cpuNanos: 0, memoryBytes: 0, loggedBytes: null, pids: 1 },
        writtenBytes: withWrites ? bytes : null,
      })),
    letOthersFirst: () => [],
    apply: async (environmentId) => void applied.push(environmentId),
    sleepIdle: async () => idle.splice(0),
  };
  return createGuard(deps);
};

beforeEach(async () => {
  database = await temporaryDatabase();
  store = createStore(database.db);
  clock = fakeClock();
  sites = [];
  for (const slug of ["writer", "other"]) {
    const { environment } = await seedSite(store, { site: { slug } });
    sites.push({ environmentId: environment.id, slug });
  }
  written = new Map([
    ["rep_writer", 0],
    ["rep_other", 0],
  ]);
  applied = [];
  idle = [];
  guard = start();
  await guard.change(operator, { ...calm, stepSeconds: 5, calmSeconds: 10 });
});
afterEach(() => database.close());

/** Seconds pass, in which one site writes a lot. */
const pass = async (seconds: number): Promise<void> => {
  for (let n = 0; n < seconds; n++) {
    written.set("rep_writer", written.get("rep_writer")! + 50 * MB);
    written.set("rep_other", written.get("rep_other")! + 1 * MB);
    clock.advance(1000);
    await guard.tick();
  }
};
const inForce = async () =>
  (await guard.view()).inForce.map(({ kind, site }) => (site ? `${kind} ${site}` : kind));

test("step by step up while the pressure lasts, and down again one by one once it is over", async () => {
  await pass(3);
  expect(await inForce()).toEqual([]);
  await guard.change(operator, short);
  await pass(2);
  expect(await inForce()).toEqual([]);
  await pass(1);
  expect(await inForce()).toEqual(["builds"]);
  idle = [sites[1]!.environmentId];
  await pass(5);
  expect(await inForce()).toEqual(["sleep other", "builds"]);
  await pass(5);
  expect(await inForce()).toEqual(["throttle writer", "sleep other", "builds"]);
  expect(applied).toContain(sites[0]!.environmentId);
  await pass(5);
  expect(await inForce()).toEqual(["pause writer", "throttle writer", "sleep other", "builds"]);
  // Nobody else writes as much: nothing more is done.
  await pass(20);
  expect(await inForce()).toHaveLength(4);

  await guard.change(operator, calm);
  await pass(13);
  expect(await inForce()).toHaveLength(4);
  await pass(1);
  expect(await inForce()).toEqual(["throttle writer", "sleep other", "builds"]);
  await pass(30);
  expect(await inForce()).toEqual([]);
  const events = await store.allEvents(10);
  expect(events.map(({ kind }) => kind)).toEqual([
    "guard.site_paused",
    "guard.site_throttled",
    "guard.site_slept",
    "guard.builds_paused",
  ]);
  expect(events.every(({ endedAt }) => endedAt !== null)).toBe(true);
  expect(events[0]!.message).toMatch(
    /^Paused: the server has .* of free disk space left .*, and this site writes most \(50 MB written a second\)/,
  );
});

test("who is paused again soon is paused for longer", async () => {
  const episode = async (): Promise<number> => {
    await guard.change(operator, short);
    for (let n = 0; !(await inForce()).includes("pause writer"); n++) {
      expect(n).toBeLessThan(60);
      await pass(1);
    }
    await guard.change(operator, calm);
    let seconds = 0;
    for (; (await inForce()).includes("pause writer"); seconds++) await pass(1);
    await pass(60);
    expect(await inForce()).toEqual([]);
    return seconds;
  };
  const [first, second, third] = [await episode(), await episode(), await episode()];
  expect([second - first, third - second]).toEqual([10, 20]);
});

test("the next daemon knows what is in force, holds it, and undoes it", async () => {
  await guard.change(operator, short);
  await pass(20);
  expect(await inForce()).toContain("pause writer");
  applied = [];
  guard = start();
  expect(await inForce()).toContain("pause writer");
  await guard.tick();
  expect(applied).toEqual([sites[0]!.environmentId]);
  await guard.change(operator, calm);
  await pass(60);
  expect(await inForce()).toEqual([]);
  expect(await eventQueries(database.db).openEvents("guard.site_paused")).toEqual([]);
});

test("off, it looks and does nothing, and lets go what was held", async () => {
  await guard.change(operator, short);
  await pass(20);
  guard = start(false);
  await pass(1);
  const view = await guard.view();
  expect([view.isOn, view.inForce]).toEqual([false, []]);
  expect(guard.buildObstacle({ memoryBytes: 1024 * GB })).toBeNull();
});

test("a released site is let go and left alone for ten minutes", async () => {
  await guard.change(operator, short);
  await pass(20);
  await expect(guard.release(operator, "other")).rejects.toMatchObject({ code: "conflict" });
  await guard.release(operator, "writer");
  expect(await inForce()).toEqual(["builds"]);
  await pass(9 * 60);
  expect(await inForce()).toEqual(["builds"]);
  await pass(2 * 60);
  expect(await inForce()).toContain("pause writer");
});

test("a site that is deleted takes what is held of it along", async () => {
  await guard.change(operator, short);
  await pass(20);
  await database.db.deleteFrom("environments").where("id", "=", sites[0]!.environmentId).execute();
  await pass(6);
  expect(await inForce()).toEqual(["builds"]);
});

test("a build waits while it is held back, and while it might take more memory than is free", async () => {
  await pass(1);
  expect(guard.buildObstacle({ memoryBytes: MB })).toBeNull();
  expect(guard.buildObstacle({ memoryBytes: 1024 * GB })).toEqual({
    text: expect.stringMatching(/^the server has .* of memory free, and a build may take 1 TB$/),
    isHard: true,
  });
  await guard.change(operator, short);
  await pass(5);
  expect(guard.buildObstacle({ memoryBytes: MB })).toEqual({
    text: expect.stringMatching(/^the server has .* of free disk space left \(100 TB are to stay free\)$/),
    isHard: true,
  });
});

test("thresholds are kept, and wrong ones refused with what is allowed", async () => {
  await expect(guard.change(operator, { cpuBusyPercent: 101 })).rejects.toMatchObject({
    code: "invalid_input",
    fields: [{ path: "cpuBusyPercent", message: "must be a whole number between 1 and 100" }],
  });
  await guard.change(operator, { cpuBusyPercent: 91, diskFreeBytes: null });
  guard = start();
  await guard.tick();
  const { settings } = await guard.view();
  expect([settings.cpuBusyPercent, settings.stepSeconds]).toEqual([91, 5]);
  // A twentieth of this machine's disk, within bounds.
  expect(settings.diskFreeBytes).toBeGreaterThanOrEqual(2 * GB);
});

test("an internal site's use is no neighbour's fault; it is touched when it uses more than all others together", async () => {
  sites[0]!.isInternal = true;
  await guard.change(operator, short);
  await pass(30);
  expect(await inForce()).toEqual(["pause writer", "throttle writer", "builds"]);
});

test("what builds write is no site's fault", async () => {
  await guard.change(operator, short);
  for (let n = 0; n < 30; n++) {
    written.set(buildsMeter, (written.get(buildsMeter) ?? 0) + 500 * MB);
    await pass(1);
  }
  expect(await inForce()).toEqual(["builds"]);
  // Once they are through, it is the site's again.
  await pass(30);
  expect(await inForce()).toContain("throttle writer");
});
