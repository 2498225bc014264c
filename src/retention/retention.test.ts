import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createStore, type Store } from "../db/store.ts";
import { type Actor, systemActor } from "../domain/actor.ts";
import { newId } from "../domain/id.ts";
import { silentLog } from "../domain/log.ts";
import type { DeploymentLogRecord } from "../domain/records.ts";
import { defaultRetention } from "../domain/retention.ts";
import { type FakeClock, fakeClock } from "../testing/fake-clock.ts";
import { deploymentOf, seedSite } from "../testing/seed.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../testing/temporary-database.ts";
import type { RetentionDeps } from "./deps.ts";
import { inSteps } from "./in-steps.ts";
import { prune } from "./prune.ts";
import { logKeep, retentionOf, setLogStorage, setRetention, showLogStorage } from "./settings.ts";
import { withArchives } from "./with-archives.ts";

const dayMs = 24 * 3_600_000;
const never = new AbortController().signal;
let database: TemporaryDatabase;
let store: Store;
let clock: FakeClock;
let deps: RetentionDeps;
let environmentId: string;
let siteId: string;

beforeEach(async () => {
  database = await temporaryDatabase();
  store = withArchives(createStore(database.db));
  clock = fakeClock();
  const { environment, site } = await seedSite(store);
  environmentId = environment.id;
  siteId = site.id;
  deps = {
    store,
    clock,
    log: silentLog,
    reachSite: async () => ({ environment }),
    logUse: async () => ({ usedBytes: 5, oldestMs: 0 }),
  };
});
afterEach(() => database.close());

const count = (table: string): number =>
  (database.raw.query(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n;

const deploymentAt = async (ageDays: number, lines: number, status: "success" | "building" = "success") => {
  const atMs = clock.nowMs() - ageDays * dayMs;
  const deployment = deploymentOf(environmentId, {
    id: newId("dep", atMs),
    status,
    createdAt: atMs,
    completedAt: status === "success" ? atMs + 1000 : null,
    attempts: 2,
  });
  await store.insertDeployment(deployment);
  for (const attempt of [1, 2])
    await store.insertStep({
      deploymentId: deployment.id,
      attempt,
      name: "build",
      startedAt: atMs,
      endedAt: atMs + 1,
      error: attempt === 1 ? "interrupted" : null,
    });
  const rows = Array.from({ length: lines }, (_, n): DeploymentLogRecord => ({
    deploymentId: deployment.id,
    seq: n + 1,
    at: atMs + n,
    level: "info",
    source: "build",
    message: `line ${n + 1} "quoted" ä`,
  }));
  for (let n = 0; n < rows.length; n += 500) await store.insertLogLines(rows.slice(n, n + 500));
  return { id: deployment.id, rows };
};

describe("logs of deployments", () => {
  test("are packed when they are old, and read as before", async () => {
    const old = await deploymentAt(91, 2_345);
    const silent = await deploymentAt(91, 0);
    const running = await deploymentAt(92, 3, "building");
    const young = await deploymentAt(89, 10);
    expect(await prune(deps, never)).toEqual({ "logs of deployments, packed": 2 });
    expect(count("deployment_logs")).toBe(13);
    expect(count("deployment_steps")).toBe(4);
    expect(await store.logAfter(old.id, 0, 10_000)).toEqual(old.rows);
    expect(await store.logAfter(old.id, 2_000, 100)).toEqual(old.rows.slice(2_000, 2_100));
    expect(await store.logTail(old.id, 7)).toEqual(old.rows.slice(-7));
    expect(await store.stepsOf(old.id, 2)).toMatchObject([{ name: "build", attempt: 2, error: null }]);
    expect(await store.stepsOf(silent.id, 1)).toMatchObject([{ error: "interrupted" }]);
    expect(await store.logTail(running.id, 7)).toEqual(running.rows);
    expect(await store.logAfter(young.id, 0, 100)).toEqual(young.rows);
    expect(await prune(deps, never)).toEqual({});
    const { bytes } = database.raw
      .query("SELECT length(content) AS bytes FROM deployment_log_archives WHERE deployment_id = ?")
      .get(old.id) as { bytes: number };
    expect(bytes).toBeLessThan(60_000);
  });

  test("of which a stop left a part in its table are whole, and the next run goes on", async () => {
    const old = await deploymentAt(100, 1_000);
    const stop = new AbortController();
    let steps = 0;
    const cut: RetentionDeps = {
      ...deps,
      store: {
        ...store,
        deleteLogLines: (id, limit) => {
          if (++steps === 2) stop.abort();
          return store.deleteLogLines(id, limit);
        },
      },
    };
    await prune(cut, stop.signal);
    expect(count("deployment_logs")).toBeGreaterThan(0);
    expect(count("deployment_logs")).toBeLessThan(1_000);
    expect(await withArchives(createStore(database.db)).logAfter(old.id, 0, 5_000)).toEqual(old.rows);
    await prune(deps, never);
    expect(count("deployment_logs")).toBe(0);
    expect(count("deployment_log_archives")).toBe(1);
    expect(await store.logAfter(old.id, 0, 5_000)).toEqual(old.rows);
  });
});

test("old rows go, each kind after its own time", async () => {
  const { raw } = database;
  const at = (days: number): number => clock.nowMs() - days * dayMs;
  const insert = raw.transaction((days: number, n: number) => {
    for (let i = 0; i < n; i++) {
      const atMs = at(days) + i;
      raw.run(
        `INSERT INTO audit_log (id, at, actor_kind, actor_label, action, object_type, object_id) VALUES (?, ?, 'system', 'x', 'a', 'o', 'i')`,
        [newId("aud", atMs), atMs],
      );
      raw.run(
        `INSERT INTO security_events (id, at, type, severity, details) VALUES (?, ?, 't', 'low', '{}')`,
        [newId("sec", atMs), atMs],
      );
      raw.run(
        `INSERT INTO events (id, at, kind, severity, message, details) VALUES (?, ?, 'k', 'info', 'm', '{}')`,
        [newId("evt", atMs), atMs],
      );
    }
  });
  insert(400, 700);
  insert(100, 3);
  expect(await prune(deps, never)).toEqual({ audit: 700, "security events": 700, events: 703 });
  expect([count("audit_log"), count("security_events"), count("events")]).toEqual([3, 3, 0]);
  await setRetention(deps, systemActor("test"), { auditDays: 99 });
  expect(await prune(deps, never)).toEqual({ audit: 3 });
  // The change itself is a row.
  expect(count("audit_log")).toBe(1);
});

test("removed containers are remembered for a while, others for good", async () => {
  const { raw } = database;
  raw.run(
    "INSERT INTO releases (id, environment_id, number, deployment_id, config, env, created_at) VALUES ('rel_1', ?, 1, 'dep_1', '{}', '[]', 0)",
    [environmentId],
  );
  const replica = (id: string, state: string, endedDays: number | null) =>
    raw.run(
      "INSERT INTO replicas (id, release_id, environment_id, state, created_at, ended_at) VALUES (?, 'rel_1', ?, ?, 0, ?)",
      [id, environmentId, state, endedDays === null ? null : clock.nowMs() - endedDays * dayMs],
    );
  replica("old", "removed", 31);
  replica("young", "removed", 29);
  replica("exited", "exited", 31);
  replica("running", "running", null);
  expect(await prune(deps, never)).toEqual({ "removed replicas": 1 });
  expect(raw.query("SELECT id FROM replicas ORDER BY id").all()).toEqual([
    { id: "exited" },
    { id: "running" },
    { id: "young" },
  ]);
  const plan = raw
    .query("EXPLAIN QUERY PLAN SELECT id FROM replicas WHERE state = 'removed' AND ended_at < 5 LIMIT 10")
    .all() as { detail: string }[];
  expect(plan[0]!.detail).toContain("replicas_removed");
});

describe("a deletion in steps", () => {
  const clockOf = (msPerRow: number) => {
    const steps: number[] = [];
    let left = 3_000;
    const step = async (limit: number): Promise<number> => {
      const rows = Math.min(limit, left);
      left -= rows;
      steps.push(rows);
      clock.advance(rows * msPerRow);
      return rows;
    };
    return { steps, step };
  };

  test("takes as many rows at once as are quick, and few where they are slow", async () => {
    const quick = clockOf(0.001);
    expect(await inSteps(quick.step, { clock, signal: never })).toBe(3_000);
    expect(Math.max(...quick.steps)).toBe(500);
    const slow = clockOf(0.2);
    expect(await inSteps(slow.step, { clock, signal: never })).toBe(3_000);
    // After the first step, which cannot know: none above 20 ms.
    expect(Math.max(...slow.steps.slice(1)) * 0.2).toBeLessThan(10);
  });
});

describe("settings", () => {
  const member: Actor = {
    kind: "user",
    userId: "usr_1",
    username: "lin",
    isAdmin: false,
    via: "session",
    ip: null,
    userAgent: null,
  };

  test("hold for the installation, are checked and written down", async () => {
    expect(await retentionOf(store)).toEqual(defaultRetention);
    await setRetention(deps, systemActor("test"), { eventDays: 7 });
    expect(await setRetention(deps, systemActor("test"), { appLogDays: 3 })).toEqual({
      ...defaultRetention,
      eventDays: 7,
      appLogDays: 3,
    });
    for (const [input, path] of [
      [{ auditDays: 29 }, "auditDays"],
      [{ appLogDays: 0 }, "appLogDays"],
      [{ appLogBytes: 1 }, "appLogBytes"],
      [{ eventDays: 1.5 }, "eventDays"],
      [{ everything: 1 }, "everything"],
    ] as const)
      expect(setRetention(deps, systemActor("test"), input)).rejects.toMatchObject({ fields: [{ path }] });
    expect(count("audit_log")).toBe(2);
  });

  test("of one site may be less, and more only by an operator", async () => {
    const MB = 1024 * 1024;
    expect(await showLogStorage(deps, member, "blog")).toEqual({
      stored: true,
      usedBytes: 5,
      maxBytes: 100 * MB,
      days: 14,
      own: { maxBytes: null, days: null },
      oldestAt: "1970-01-01T00:00:00.000Z",
    });
    expect(await setLogStorage(deps, member, "blog", { maxBytes: 5 * MB })).toMatchObject({
      maxBytes: 5 * MB,
      days: 14,
    });
    expect(setLogStorage(deps, member, "blog", { maxBytes: 101 * MB })).rejects.toMatchObject({
      code: "forbidden",
    });
    expect(setLogStorage(deps, member, "blog", { days: 15 })).rejects.toMatchObject({ code: "forbidden" });
    // What an owner set follows when the installation keeps less.
    await setRetention(deps, systemActor("test"), { appLogBytes: 2 * MB });
    expect(await logKeep(store, environmentId)).toEqual({ maxBytes: 2 * MB, days: 14 });
    await setLogStorage(deps, { ...member, isAdmin: true }, "blog", { maxBytes: 500 * MB });
    expect(await logKeep(store, environmentId)).toEqual({ maxBytes: 500 * MB, days: 14 });
    await setLogStorage(deps, member, "blog", { maxBytes: null });
    expect(await logKeep(store, environmentId)).toEqual({ maxBytes: 2 * MB, days: 14 });
    expect(siteId).toStartWith("site_");
  });
});
