import { afterAll, beforeAll, expect, test } from "bun:test";
import { createStore, type Store } from "../db/store.ts";
import type { ReplicaState } from "../domain/engine.ts";
import { silentLog } from "../domain/log.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { type FakeClock, fakeClock } from "../testing/fake-clock.ts";
import { deploymentOf, seedSite } from "../testing/seed.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../testing/temporary-database.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { settleExits } from "./exit-events.ts";
import { followReplica } from "./follow-replica.ts";
import { networkOf } from "./networks.ts";
import type { ReconcileState } from "./reconcile.ts";

// How often an app ended in a row, over the time that it stays up: on the rows of a real database.

let database: TemporaryDatabase;
let store: Store;
let clock: FakeClock;
let deps: SupervisorDeps;
let environment: LiveEnvironment;
const minute = 60_000;

beforeAll(async () => {
  database = await temporaryDatabase();
  store = createStore(database.db);
  clock = fakeClock();
  deps = {
    ...{ store, clock, log: silentLog, networkPool: "10.9.0.0/22" },
    engine: { logTail: async () => ["no database"] },
    openSecret: async () => "",
  } as unknown as SupervisorDeps;
  const { site, environment: row } = await seedSite(store);
  environment = { ...row, slug: site.slug };
  const deployment = deploymentOf(environment.id, { status: "success" });
  await store.insertDeployment(deployment);
  await store.insertRelease({
    ...{ id: "rel_1", environmentId: environment.id, number: 1, deploymentId: deployment.id },
    ...{ imageId: "sha256:1", imageTag: null, config: "{}", env: "[]", sizeBytes: null },
    ...{ createdAt: 0, retiredAt: null },
  });
  await store.insertReplica({
    ...{ id: "rep_1", releaseId: "rel_1", process: "web", environmentId: environment.id, containerId: "c" },
    ...{ state: "running", address: "10.9.0.2", port: 3000, exitCode: null, oomKills: 0, restarts: 0 },
    ...{ reason: null, createdAt: 0, startedAt: clock.nowMs(), endedAt: null, nextRestartAt: null },
  });
});
afterAll(() => database.close());

const state = {
  memoryKills: new Map(),
  pausedSince: new Map(),
  asleep: new Set(),
} as unknown as ReconcileState;
const row = async (): Promise<ReplicaRecord> => (await store.replicaById("rep_1"))!;
const look = async (container: Partial<ReplicaState>): Promise<void> => {
  const { name } = networkOf(deps.networkPool, environment);
  await followReplica(deps, state, environment, await row(), {
    ...{ containerId: "c", replicaId: "rep_1", running: true, paused: false, address: "10.9.0.2", pid: 1 },
    ...{ networks: [{ name, aliases: [] }], exitCode: null, oomKilled: false, finishedAtMs: null },
    startedAtMs: (await row()).startedAt,
    ...container,
  });
  await settleExits(deps, await store.liveReplicas());
};
const ends = (startedAtMs: number) =>
  look({ running: false, pid: null, exitCode: 3, startedAtMs, finishedAtMs: clock.nowMs() });
const runs = () => store.updateReplica("rep_1", { state: "running", startedAt: clock.nowMs() });
const pauseMs = async (): Promise<number> => (await row()).nextRestartAt! - clock.nowMs();
const kinds = async (): Promise<string[]> =>
  (await store.eventsOf([environment.id], 50)).map(
    ({ kind, endedAt }) => `${kind} ${endedAt ? "over" : "lasts"}`,
  );

test("pauses grow up to a loop; ten minutes up begin anew, and it is told that it is over", async () => {
  const pauses: number[] = [];
  for (let end = 0; end < 5; end++) {
    await runs();
    clock.advance(1000);
    await ends(clock.nowMs() - 1000);
    pauses.push(await pauseMs());
  }
  expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000]);
  expect((await kinds()).filter((kind) => kind === "replica.crash_loop lasts")).toHaveLength(1);

  await runs();
  clock.advance(9 * minute);
  await look({});
  expect((await row()).restarts).toBe(5);
  expect(await kinds()).toContain("replica.crash_loop lasts");
  clock.advance(2 * minute);
  await look({});
  expect(await row()).toMatchObject({ restarts: 0, reason: null });
  expect(await kinds()).toEqual(
    expect.arrayContaining(["replica.crash_loop over", "replica.recovered over"]),
  );
});

test("it stayed up while nobody looked: that counts as well", async () => {
  for (let end = 0; end < 3; end++) {
    await runs();
    await ends(clock.nowMs());
  }
  expect(await pauseMs()).toBe(4000);
  await runs();
  clock.advance(11 * minute);
  await ends(clock.nowMs() - 11 * minute);
  expect(await pauseMs()).toBe(1000);
});
