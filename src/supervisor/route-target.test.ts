import { afterEach, beforeEach, expect, test } from "bun:test";
import { createStore, type Store } from "../db/store.ts";
import type { EnvironmentRecord, ReplicaRecord } from "../domain/records.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { deploymentOf, seedSite } from "../testing/seed.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../testing/temporary-database.ts";
import type { SupervisorDeps } from "./deps.ts";
import { targetOf, type Traffic } from "./route-target.ts";

let database: TemporaryDatabase;
let store: Store;
let environment: EnvironmentRecord;
let deploymentId: string;
const clock = fakeClock();
beforeEach(async () => {
  database = await temporaryDatabase();
  store = createStore(database.db);
  ({ environment } = await seedSite(store));
  const deployment = deploymentOf(environment.id);
  deploymentId = deployment.id;
  await store.insertDeployment(deployment);
});
afterEach(() => database.close());

const release = (number: number, imageId: string | null = "sha256:1") =>
  store.insertRelease({
    ...{ id: `rel_${number}`, environmentId: environment.id, number, deploymentId, imageId },
    ...{ imageTag: null, config: "{}", env: "[]", sizeBytes: null, createdAt: 0, retiredAt: null },
  });
const replica = (id: string, releaseId: string, change: Partial<ReplicaRecord> = {}): ReplicaRecord => ({
  process: "web",
  ...{ id, releaseId, environmentId: environment.id, containerId: id, state: "running", address: "10.0.0.2" },
  ...{ port: 80, exitCode: null, oomKills: 0, restarts: 0, reason: null, createdAt: 0, startedAt: 0 },
  ...{ endedAt: null, nextRestartAt: null },
  ...change,
});
const target = (
  currentReleaseId: string | null,
  traffic: Partial<Traffic> = {},
  stoppedReason: "asked" | null = null,
) =>
  targetOf(
    // What it needs of them.
    {
      store,
      clock,
      paths: { staticRelease: (id: string) => `/static/${id}` },
      edgePath: (path: string) => path,
    } as unknown as SupervisorDeps,
    { ...environment, currentReleaseId, stoppedReason, slug: "blog" },
    { replicas: [], pause: null, shares: null, launchDelayed: false, asleep: null, held: false, ...traffic },
  );
const pause = () => ({
  environmentId: environment.id,
  pausedAt: 0,
  resumesAt: clock.nowMs() + 1000,
  maxWaitMs: 5000,
});
const at = (id: string) => ({ replicaId: id, address: { host: "10.0.0.2", port: 80 } });

test("what is stopped or was never deployed has a page, paused or not", async () => {
  await release(1);
  expect(await target(null, { pause: pause() })).toMatchObject({
    kind: "message",
    title: "Nothing here yet",
  });
  expect(await target("rel_1", { pause: pause() }, "asked")).toMatchObject({ title: "This site is stopped" });
});

test("a folder is served at once, and waits only while it is paused", async () => {
  await release(1, null);
  expect(await target("rel_1")).toEqual({ kind: "static", folder: "/static/rel_1" });
  expect(await target("rel_1", { pause: pause() })).toEqual({ kind: "hold", maxRequests: 1000, maxMs: 5000 });
  expect(await target("rel_1", { pause: { ...pause(), resumesAt: 0 } })).toMatchObject({ kind: "static" });
});

test("replicas of the current release serve; drained ones and those of others do not", async () => {
  await release(1);
  await release(2);
  const replicas = [
    replica("a", "rel_2"),
    replica("b", "rel_1"),
    replica("c", "rel_2", { state: "draining" }),
    replica("d", "rel_2", { state: "starting" }),
  ];
  expect(await target("rel_2", { replicas })).toEqual({ kind: "replicas", replicas: [at("a")] });
  // An app that crashes over and over is not waited for.
  const crashing = [replica("a", "rel_2", { state: "exited", restarts: 9, nextRestartAt: 1 })];
  expect(await target("rel_2", { replicas: crashing })).toMatchObject({ title: "This site is not running" });
});

test("requests of a sleeper wait as long as its start may take, unless another release serves by now", async () => {
  await release(1);
  await release(2);
  const asleep = {
    ...{
      environmentId: environment.id,
      releaseId: "rel_2",
      state: "frozen" as const,
      asleepSince: 0,
      since: 0,
    },
    ...{ reason: "idle", memoryBeforeBytes: null, memoryAfterBytes: null, eventId: "evt_1" },
  };
  const replicas = [replica("a", "rel_2"), replica("b", "rel_1")];
  const hold = { kind: "hold", maxRequests: 1000, maxMs: 60_000 };
  expect(await target("rel_2", { replicas, asleep })).toEqual(hold as never);
  expect(await target("rel_2", { replicas, asleep, pause: pause() })).toEqual({
    ...hold,
    maxMs: 5000,
  } as never);
  expect(await target("rel_1", { replicas, asleep })).toEqual({ kind: "replicas", replicas: [at("b")] });
  expect(await target("rel_2", { replicas, asleep }, "asked")).toMatchObject({
    title: "This site is stopped",
  });
});

test("a split groups replicas by release; a release that does not run yet gets nobody", async () => {
  await release(1);
  await release(2);
  const shares = JSON.stringify([
    { releaseId: "rel_2", weight: 9 },
    { releaseId: "rel_1", weight: 1 },
  ]);
  const both = [replica("a", "rel_2"), replica("b", "rel_1")];
  const groupOf = (name: string, weight: number, id: string) => ({ name, weight, replicaIds: [id] });
  const split = (...groups: object[]) => ({ cookie: "croft-release", maxAgeSeconds: null, groups });
  expect<unknown>(await target("rel_2", { replicas: both, shares })).toEqual({
    kind: "replicas",
    replicas: [at("a"), at("b")],
    split: split(groupOf("2", 9, "a"), groupOf("1", 1, "b")),
  });
  const starting = [replica("a", "rel_2"), replica("b", "rel_1", { state: "starting" })];
  expect(await target("rel_2", { replicas: starting, shares })).toMatchObject({
    replicas: [at("a")],
    split: split(groupOf("2", 9, "a")),
  });
  const dark = JSON.stringify([
    { releaseId: "rel_2", weight: 0 },
    { releaseId: "rel_1", weight: 1 },
  ]);
  // Who would get visitors is not there: better the other one than nobody.
  expect(await target("rel_2", { replicas: starting, shares: dark })).toEqual({
    kind: "replicas",
    replicas: [at("a")],
    split: null,
  });
  // The current release is none of them any more.
  await release(3);
  const third = [...both, replica("c", "rel_3")];
  expect(await target("rel_3", { replicas: third, shares })).toEqual({
    kind: "replicas",
    replicas: [at("c")],
  });
});
