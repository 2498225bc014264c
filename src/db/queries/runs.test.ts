import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrations } from "../../../migrations/index.ts";
import { newId } from "../../domain/id.ts";
import type { JobRecord } from "../../domain/job.ts";
import type { RunRecord } from "../../domain/run.ts";
import { seedSite } from "../../testing/seed.ts";
import { migrate } from "../migrator.ts";
import { openDatabase } from "../open.ts";
import { createStore } from "../store.ts";
import { runQueries } from "./runs.ts";

const jobOf = (environmentId: string, fields: Partial<JobRecord> = {}): JobRecord => ({
  id: newId("job"),
  environmentId,
  name: "tidy",
  schedule: "@daily",
  timeZone: "UTC",
  command: '["true"]',
  timeoutSeconds: 60,
  overlap: "skip",
  missed: "skip",
  enabled: 1,
  nextRunAt: 100,
  createdAt: 0,
  createdBy: "ada",
  updatedAt: 0,
  ...fields,
});

const runOf = (environmentId: string, fields: Partial<RunRecord> = {}): RunRecord => ({
  id: newId("run"),
  environmentId,
  kind: "job",
  jobId: null,
  dueAt: null,
  command: '["true"]',
  timeoutSeconds: 60,
  releaseId: null,
  replicaId: null,
  status: "running",
  askedBy: "schedule",
  reason: null,
  exitCode: null,
  oomKilled: 0,
  output: null,
  createdAt: 0,
  startedAt: null,
  endedAt: null,
  ...fields,
});

const withDatabase = async (act: (open: ReturnType<typeof openDatabase>) => Promise<void>) => {
  const dir = await mkdtemp(join(tmpdir(), "croft-runs-"));
  const open = openDatabase(join(dir, "croft.db"));
  try {
    await act(open);
  } finally {
    await open.db.destroy();
    await rm(dir, { recursive: true, force: true });
  }
};

test("the migration keeps what is there; runs go with their job, and both with their environment", () =>
  withDatabase(async ({ db, raw }) => {
    const before = Object.entries(migrations).filter(([name]) => name < "0011");
    await migrate(db, Object.fromEntries(before));
    const store = createStore(db);
    const { environment } = await seedSite(store);
    const rows = raw.query("SELECT * FROM environments").all();
    expect(await migrate(db)).toContain("0011_runs");
    expect(raw.query("SELECT * FROM environments").all()).toEqual(rows);

    const [kept, gone] = [jobOf(environment.id), jobOf(environment.id, { name: "gone" })];
    for (const job of [kept, gone]) {
      await store.insertJob(job);
      await store.insertRun(runOf(environment.id, { jobId: job.id }));
    }
    expect(await store.deleteJob(gone.id)).toBe(true);
    expect((await store.openRuns()).map(({ jobId }) => jobId)).toEqual([kept.id]);
    await expect(store.insertJob(jobOf(environment.id))).rejects.toThrow("UNIQUE");
    raw.query("DELETE FROM environments WHERE id = ?").run(environment.id);
    expect(await store.openRuns()).toEqual([]);
    expect(await store.jobsOf(environment.id)).toEqual([]);
  }));

test("what changes a row says when another was there first", () =>
  withDatabase(async ({ db }) => {
    await migrate(db);
    const store = createStore(db);
    const { environment } = await seedSite(store);
    const job = jobOf(environment.id);
    await store.insertJob(job);
    expect(await store.moveJob(job.id, 100, 200)).toBe(true);
    expect(await store.moveJob(job.id, 100, 300)).toBe(false);
    const run = runOf(environment.id, { status: "queued" });
    await store.insertRun(run);
    expect(await store.moveRun(run.id, "queued", { status: "running" })).toBe(true);
    expect(await store.moveRun(run.id, "queued", { status: "cancelled" })).toBe(false);
  }));

test("jobs of a site that was deleted wait for nothing, those that are off neither", () =>
  withDatabase(async ({ db }) => {
    await migrate(db);
    const store = createStore(db);
    const { environment } = await seedSite(store);
    const { site, environment: other } = await seedSite(store);
    await store.insertJob(jobOf(environment.id, { nextRunAt: 300 }));
    await store.insertJob(jobOf(environment.id, { name: "off", enabled: 0, nextRunAt: null }));
    await store.insertJob(jobOf(other.id, { nextRunAt: 200 }));
    expect(await store.soonestJobAt()).toBe(200);
    await store.markSiteDeleted(site.id, 1, false);
    expect(await store.soonestJobAt()).toBe(300);
    expect((await store.waitingJobs(1000)).map(({ nextRunAt }) => nextRunAt)).toEqual([300]);
    expect(await store.waitingJobs(300)).toEqual([]);
  }));

test("what is asked all the time finds its rows by an index", () =>
  withDatabase(async ({ db, raw }) => {
    await migrate(db);
    /** How SQLite would run the statement that the call sends. */
    const planOf = async (run: (queries: ReturnType<typeof runQueries>) => Promise<unknown>) => {
      const sent: string[] = [];
      const spy = db.withPlugin({
        transformQuery: ({ node }) => {
          sent.push(db.getExecutor().compileQuery(node, { queryId: "plan" } as never).sql);
          return node;
        },
        transformResult: async ({ result }) => result,
      });
      await run(runQueries(spy));
      const plan = raw.query(`EXPLAIN QUERY PLAN ${sent[0]}`).all() as { detail: string }[];
      return plan.map((row) => row.detail).join("; ");
    };
    const plans = {
      jobs_due: [
        await planOf((queries) => queries.waitingJobs(1)),
        await planOf((queries) => queries.soonestJobAt()),
      ],
      runs_open: [await planOf((queries) => queries.openRuns())],
      runs_by_job: [await planOf((queries) => queries.runsOfJob("job", 1, null))],
      runs_by_environment: [await planOf((queries) => queries.runsOf("env", ["exec", "terminal"], 20, null))],
    };
    for (const [index, found] of Object.entries(plans))
      for (const plan of found) expect(plan).toContain(index);
  }));
