import { afterEach, beforeEach, expect, test } from "bun:test";
import { createStore, type Store } from "../../db/store.ts";
import type { MeterReading, RouteMeter } from "../../domain/edge.ts";
import { silentLog } from "../../domain/log.ts";
import type { SleepPolicyRecord } from "../../domain/sleep.ts";
import { AppError } from "../../errors.ts";
import { nextTime } from "../../jobs/next-time.ts";
import { fakeClock, type FakeClock } from "../../testing/fake-clock.ts";
import { deploymentOf, seedSite } from "../../testing/seed.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../../testing/temporary-database.ts";
import type { SupervisorDeps } from "../deps.ts";
import { createActivity } from "./activity.ts";
import type { SleepContext } from "./context.ts";
import { fallAsleep } from "./fall-asleep.ts";
import { idlePass, sleepIdle } from "./idle-pass.ts";
import { createStartGate } from "./start-gate.ts";
import { createSleepBook } from "./sleep-book.ts";
import { wakeUp } from "./wake-up.ts";

// Who falls asleep when, on real rows; engine and edge are stand-ins that note what they are asked: days pass here.

let database: TemporaryDatabase;
let store: Store;
let clock: FakeClock;
let context: SleepContext;
let environmentId: string;
let meters: Record<string, Partial<RouteMeter>>;
let active: Record<string, number>;
let asked: string[];
let refuse: (act: string) => void;
let woken: string[];

const minute = 60_000;
const hour = 60 * minute;

const seed = async (slug: string): Promise<string> => {
  const { environment } = await seedSite(store, { site: { slug } });
  const deployment = deploymentOf(environment.id, { status: "success" });
  await store.insertDeployment(deployment);
  await store.insertRelease({
    ...{ id: `rel_${slug}`, environmentId: environment.id, number: 1, deploymentId: deployment.id },
    ...{ imageId: "sha256:1", imageTag: null, config: "{}", env: "[]" },
    ...{ sizeBytes: null, createdAt: 0, retiredAt: null },
  });
  await store.updateEnvironment(environment.id, { currentReleaseId: `rel_${slug}` });
  await store.insertReplica({
    ...{ id: `rep_${slug}`, releaseId: `rel_${slug}`, environmentId: environment.id, containerId: slug },
    ...{ process: "web", state: "running", address: "10.0.0.2", port: 80, exitCode: null, oomKills: 0 },
    ...{ restarts: 0, reason: null, createdAt: 0, startedAt: 0, endedAt: null, nextRestartAt: null },
  });
  return environment.id;
};

/** As after a start of the daemon. */
const begin = (): void => {
  const act =
    (name: string) =>
    async (...args: unknown[]): Promise<undefined> => {
      refuse(name);
      asked.push(`${name} ${String(args[0])}`);
    };
  const deps = {
    store,
    clock,
    log: silentLog,
    edgeOn: true,
    stopGraceSeconds: 10,
    nextTime,
    engine: {
      ...{ pauseReplica: act("pause"), unpauseReplica: act("unpause"), stopReplica: act("stop") },
      reclaimMemory: async () => ({ beforeBytes: 900, afterBytes: 500 }),
      readings: async () => [{ replicaId: "rep_blog", memoryBytes: 700 }],
    },
    edge: {
      meters: async () => ({ epoch: "e1", atMs: 0, meters }) as unknown as MeterReading,
      active: async () => active,
    },
  } as unknown as SupervisorDeps;
  context = {
    deps,
    book: createSleepBook(deps),
    activity: createActivity(deps),
    gate: createStartGate(),
    publishSoon: () => {},
    expect: () => {},
    routes: { publish: async () => refuse("publish"), lead: async () => {} },
    ...{
      warmUp: () => {},
      kick: () => {},
      engineUp: () => true,
      lifetime: () => new AbortController().signal,
    },
  };
};

beforeEach(async () => {
  database = await temporaryDatabase();
  store = createStore(database.db);
  clock = fakeClock();
  [meters, active, asked, woken] = [{}, {}, [], []];
  refuse = () => {};
  environmentId = await seed("blog");
  begin();
});
afterEach(() => database.close());

const look = async (): Promise<void> => {
  await context.book.load();
  await idlePass(context, (id, why) => void woken.push(`${id} ${why}`));
};
const pass = async (ms: number): Promise<void> => {
  clock.advance(ms);
  await look();
};
const state = (id = environmentId): string => context.book.get(id)?.state ?? "awake";
const policy = (change: Partial<SleepPolicyRecord>) =>
  store.putSleepPolicy({
    ...{ environmentId, never: 0, freezeAfterMs: null, stopAfterMs: null, wakeAt: "[]", timeZone: "UTC" },
    updatedAt: 0,
    ...change,
  });

test("frozen after thirty idle minutes, stopped after six hours; requests and open connections begin anew", async () => {
  await look();
  await pass(29 * minute);
  meters[environmentId] = { requests: 1 };
  await pass(minute);
  await pass(29 * minute);
  meters[environmentId] = { requests: 1, active: 1 };
  await pass(3 * hour);
  expect(state()).toBe("awake");
  meters[environmentId] = { requests: 1, active: 0 };
  await pass(29 * minute);
  expect(state()).toBe("awake");
  await pass(minute);
  expect(state()).toBe("frozen");
  expect(asked).toEqual(["pause rep_blog"]);
  await pass(5 * hour + 29 * minute);
  expect(state()).toBe("frozen");
  await pass(minute);
  expect(state()).toBe("stopped");
  expect(asked).toEqual(["pause rep_blog", "stop rep_blog"]);
  expect((await store.replicaById("rep_blog"))!.state).toBe("exited");
  const events = (await store.eventsOf([environmentId], 10)).map(({ kind, endedAt }) => [
    kind,
    endedAt !== null,
  ]);
  expect(events).toEqual([
    ["site.asleep", false],
    ["site.frozen", true],
  ]);
});

test("time slept is kept by day", async () => {
  await fallAsleep(context, [{ environmentId, why: "a test" }], "freeze");
  clock.advance(30 * hour);
  await wakeUp(context, environmentId, "a test");
  expect(state()).toBe("awake");
  await fallAsleep(context, [{ environmentId, why: "a test" }], "freeze");
  clock.advance(hour);
  await wakeUp(context, environmentId, "a test");
  expect(await store.sleepDaysOf(environmentId, "2026-01-01")).toEqual([
    { environmentId, day: "2026-01-01", frozenMs: 24 * hour, stoppedMs: 0 },
    { environmentId, day: "2026-01-02", frozenMs: 7 * hour, stoppedMs: 0 },
  ]);
});

test("idle time goes on over a restart of the daemon, unless it was asked something meanwhile", async () => {
  const other = await seed("shop");
  meters = { [environmentId]: { requests: 5 }, [other]: { requests: 5 } };
  await look();
  await pass(20 * minute);
  begin();
  meters[other] = { requests: 6 };
  await pass(11 * minute);
  expect([state(), state(other)]).toEqual(["frozen", "awake"]);
});

test("never keeps it awake; the guard asks no more of it than its policy", async () => {
  await policy({ never: 1 });
  await look();
  await pass(10 * hour);
  expect(state()).toBe("awake");
  expect(await sleepIdle(context, "the host is short of memory", "stop")).toEqual([]);
  await policy({ never: 0, freezeAfterMs: 0, stopAfterMs: 0 });
  await pass(10 * hour);
  expect(state()).toBe("awake");
  // It may sleep at all, so that the guard may have it do so early.
  meters[environmentId] = { requests: 1 };
  expect(await sleepIdle(context, "the host is short of memory", "stop")).toEqual([]);
  clock.advance(2 * minute);
  expect(await sleepIdle(context, "the host is short of memory", "stop")).toEqual([environmentId]);
  expect(context.book.get(environmentId)).toMatchObject({
    ...{ state: "stopped", reason: "the host is short of memory" },
    ...{ memoryBeforeBytes: 700, memoryAfterBytes: 0 },
  });
});

test("what comes to keep a sleeper awake wakes it: it is never to sleep any more, or another site is linked to it", async () => {
  const other = await seed("shop");
  await look();
  await pass(31 * minute);
  expect([state(), state(other)]).toEqual(["frozen", "frozen"]);
  await pass(minute);
  expect(woken).toEqual([]);
  await policy({ never: 1, updatedAt: clock.nowMs() });
  await store.insertLink({
    ...{ id: "lnk_1", environmentId, targetEnvironmentId: other, name: "shop", networkSlot: 9 },
    ...{ createdAt: clock.nowMs(), createdBy: "ada", cutAt: null },
  });
  await look();
  expect(woken.toSorted()).toEqual(
    [
      `${environmentId} it is never to sleep any more`,
      `${other} another site is linked to it now, and reaches it past the edge`,
    ].toSorted(),
  );
  // Whom somebody puts to sleep all the same sleeps on.
  for (const id of [environmentId, other]) await wakeUp(context, id, "a test");
  clock.advance(minute);
  woken = [];
  await fallAsleep(
    context,
    [environmentId, other].map((id) => ({ environmentId: id, why: "somebody asked for it" })),
    "freeze",
  );
  await look();
  expect(woken).toEqual([]);
});

test("scheduled jobs keep nobody awake, and wake nobody: they run in containers of their own", async () => {
  const job = { id: "job_1", environmentId, name: "tidy", schedule: "0 3 * * *", timeZone: "UTC" };
  await store.insertJob({
    ...{ ...job, command: "[]", timeoutSeconds: 60, overlap: "skip", missed: "skip", enabled: 1 },
    ...{ nextRunAt: 1, createdAt: 0, createdBy: "ada", updatedAt: 0 },
  });
  await look();
  await pass(31 * minute);
  expect(state()).toBe("frozen");
  await pass(6 * hour);
  expect(state()).toBe("stopped");
  expect(woken).toEqual([]);
});

test("at its times it is awake: one that sleeps is woken once, one that does not stays so", async () => {
  await policy({ wakeAt: '["0 8 * * *"]', stopAfterMs: 0, timeZone: "Europe/Berlin" });
  await look();
  await pass(40 * minute);
  expect(state()).toBe("frozen");
  await pass(6 * hour + 10 * minute);
  expect(woken).toEqual([]);
  // 07:00 UTC.
  await pass(15 * minute);
  expect(woken).toEqual([`${environmentId} its schedule says so (0 8 * * *)`]);
  await pass(minute);
  expect(woken).toHaveLength(1);
  await wakeUp(context, environmentId, "its schedule");
  await pass(20 * minute);
  expect(state()).toBe("awake");
  await pass(11 * minute);
  expect(state()).toBe("frozen");
});

test("what is under way, an edge that does not follow, an engine that refuses: it is awake again", async () => {
  const bedtime = [{ environmentId, why: "a test" }];
  active = { rep_blog: 2 };
  expect((await fallAsleep(context, bedtime, "freeze")).get(environmentId)).toContain("2 of its requests");
  active = {};
  refuse = (act) => {
    if (act === "publish") throw new AppError("unavailable", "the edge does not take the new route table");
  };
  expect((await fallAsleep(context, bedtime, "stop")).get(environmentId)).toContain("the edge");
  expect(asked).toEqual([]);
  refuse = (act) => {
    if (act === "pause") throw new AppError("engine_unavailable", "Docker does not answer");
  };
  expect((await fallAsleep(context, bedtime, "freeze")).get(environmentId)).toContain("Docker");
  expect(asked).toEqual(["unpause rep_blog"]);
  expect(await store.allSleeps()).toEqual([]);
  expect(await store.openEvents("site.frozen")).toEqual([]);
  refuse = () => {};
  expect((await fallAsleep(context, bedtime, "freeze")).get(environmentId)).toBeNull();
  // And with an engine that is away it sleeps on, to be woken later.
  refuse = (act) => {
    if (act === "unpause") throw new AppError("engine_unavailable", "Docker does not answer");
  };
  await expect(wakeUp(context, environmentId, "a test")).rejects.toThrow("Docker");
  expect(state()).toBe("frozen");
  expect(context.book.isBusy(environmentId)).toBe(false);
});

test("many fall asleep with one change of the routes, and what is being deployed is left out", async () => {
  const others = [await seed("a"), await seed("b"), await seed("c")];
  const open = deploymentOf(others[1]!, { status: "building" });
  await store.insertDeployment(open);
  let published = 0;
  context.routes.publish = async () => void published++;
  const outcome = await fallAsleep(
    context,
    [environmentId, ...others].map((id) => ({ environmentId: id, why: "a test" })),
    "freeze",
  );
  expect([...outcome.values()]).toEqual([null, null, "it is being deployed", null]);
  expect(published).toBe(1);
});
