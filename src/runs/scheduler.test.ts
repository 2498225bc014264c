import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { createStore, type Store } from "../db/store.ts";
import type { CommandEnd, CommandProcess, OneOffSpec, OnOutput } from "../domain/command-process.ts";
import type { ReplicaSpec } from "../domain/engine.ts";
import { newId } from "../domain/id.ts";
import type { JobRecord } from "../domain/job.ts";
import { silentLog } from "../domain/log.ts";
import type { RunRecord } from "../domain/run.ts";
import { nextTime } from "../jobs/next-time.ts";
import { reachSite } from "../sites/access.ts";
import { type FakeClock, fakeClock } from "../testing/fake-clock.ts";
import { seedSite } from "../testing/seed.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../testing/temporary-database.ts";
import { defaultRunSettings, type RunsDeps } from "./deps.ts";
import { createJobRunner, type JobRunner } from "./job-runner.ts";
import { recoverRuns } from "./recover.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";

// Times, policies and bounds on a real database; the engine alone is made up, since its containers would take the
// time that this clock leaps over. The real one is in src/docker/commands.test.ts and src/testing/e2e/jobs.test.ts.

setDefaultTimeout(30_000);

const minute = 60_000;
const hour = 60 * minute;

let database: TemporaryDatabase;
let store: Store;
let clock: FakeClock;
let deps: RunsDeps;
let runner: JobRunner;
let scheduler: Scheduler;
let environmentId: string;
/** What runs in the made-up engine. */
let containers: Map<string, { spec: OneOffSpec; print(text: string): void; end(code: number): void }>;

const processOf = (spec: OneOffSpec, onOutput: OnOutput): CommandProcess => {
  const ended = Promise.withResolvers<CommandEnd>();
  const end = (exitCode: number) => ended.resolve({ exitCode, oomKilled: false, endedAtMs: clock.nowMs() });
  containers.set(spec.runId, {
    spec,
    end,
    print: (text) => void onOutput("stdout", new TextEncoder().encode(text)),
  });
  return {
    write: async () => {},
    endInput: () => {},
    resize: async () => {},
    kill: async () => end(143),
    ended: ended.promise,
  };
};

beforeEach(async () => {
  database = await temporaryDatabase();
  store = createStore(database.db);
  clock = fakeClock();
  containers = new Map();
  const { environment } = await seedSite(store);
  environmentId = environment.id;
  const releaseId = newId("rel");
  const deploymentId = newId("dep");
  database.raw.run("PRAGMA foreign_keys = OFF");
  database.raw.run(
    "INSERT INTO releases (id, environment_id, number, deployment_id, image_id, config, env, created_at) VALUES (?, ?, 1, ?, 'sha256:x', '{}', '[]', 0)",
    [releaseId, environmentId, deploymentId],
  );
  database.raw.run("PRAGMA foreign_keys = ON");
  await store.updateEnvironment(environmentId, { currentReleaseId: releaseId });
  deps = {
    store,
    clock,
    log: silentLog,
    settings: { ...defaultRunSettings, graceSeconds: 0 },
    engineUp: () => true,
    engine: {
      startOneOff: async (spec, onOutput) => processOf(spec, onOutput),
      followOneOff: async (runId, onOutput) => {
        const found = containers.get(runId);
        return found ? processOf(found.spec, onOutput) : null;
      },
      removeOneOff: async (runId) => void containers.delete(runId),
      listOneOffs: async () => [...containers.keys()],
      execInReplica: () => Promise.reject(new Error("not here")),
      endInReplica: async () => {},
    },
    reachSite: (actor, slug, action, environment) => reachSite({ store }, actor, slug, action, environment),
    wake: async () => {},
    specOf: async () => ({}) as ReplicaSpec,
    openSecret: async () => "a secret value",
    nextTime,
  };
  runner = createJobRunner(deps);
  scheduler = createScheduler(deps, runner);
});
afterEach(() => database.close());

const addJob = async (fields: Partial<JobRecord> = {}): Promise<JobRecord> => {
  const schedule = fields.schedule ?? "0 * * * *";
  const timeZone = fields.timeZone ?? "UTC";
  const job: JobRecord = {
    id: newId("job"),
    environmentId,
    name: newId("job").slice(-8),
    schedule,
    timeZone,
    command: '["true"]',
    timeoutSeconds: 3600,
    overlap: "skip",
    missed: "skip",
    enabled: 1,
    nextRunAt: nextTime(schedule, timeZone, clock.nowMs()),
    createdAt: 0,
    createdBy: "ada",
    updatedAt: 0,
    ...fields,
  };
  await store.insertJob(job);
  return job;
};
const runsOf = (job: JobRecord): Promise<RunRecord[]> => store.runsOfJob(job.id, 100, null);
const statusesOf = async (job: JobRecord) => (await runsOf(job)).map(({ status }) => status);
const eventually = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = performance.now() + 10_000; !(await holds()); await Bun.sleep(2))
    if (performance.now() > end) throw new Error(`${what}: not within 10 s`);
};
/** Ids of one moment sort in no particular order, so each run has a moment of its own. */
const begin = async (job: JobRecord): Promise<void> => {
  clock.advance(1);
  await runner.begin(job, null, "ada");
  await runner.pump();
};
/** Lets the clock go on in steps, with a look at each, and ends what runs. */
const pass = async (ms: number, stepMs = 10 * minute): Promise<void> => {
  for (const end = clock.nowMs() + ms; clock.nowMs() < end;) {
    clock.advance(stepMs);
    await scheduler.tick();
    for (const { end: finish } of containers.values()) finish(0);
    await eventually("they ended", () => containers.size === 0);
  }
};

test("a job runs once at each of its times", async () => {
  const job = await addJob();
  await pass(3 * hour);
  const runs = await runsOf(job);
  expect(runs.map(({ status, askedBy }) => [status, askedBy])).toEqual(
    Array.from({ length: 3 }, () => ["succeeded", "schedule"]),
  );
  expect(runs.map(({ dueAt }) => dueAt! % hour)).toEqual([0, 0, 0]);
});

test("days of 23 and of 25 hours: once a day, and every so many minutes through both", async () => {
  for (const day of ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"]) {
    clock.advance(Date.parse(day) - clock.nowMs());
    const daily = await addJob({ schedule: "30 2 * * *", timeZone: "Europe/Berlin" });
    const often = await addJob({ schedule: "*/30 * * * *", timeZone: "Europe/Berlin" });
    await pass(24 * hour, 30 * minute);
    expect((await runsOf(daily)).length).toBe(1);
    expect((await runsOf(often)).length).toBe(48);
    for (const { id } of [daily, often]) await store.deleteJob(id);
  }
});

test("times that went by while nobody was there: left out with a row that says so, or made up for by one run", async () => {
  const skips = await addJob();
  const runs = await addJob({ missed: "run" });
  clock.advance(5 * hour + 7 * minute);
  await scheduler.tick();
  expect(await runsOf(skips)).toMatchObject([
    {
      status: "skipped",
      reason: expect.stringContaining("Croft was not running at its time, 2026-01-01 01:00 UTC"),
    },
  ]);
  await eventually("the other runs", () => containers.size === 1);
  await scheduler.tick();
  expect(await statusesOf(runs)).toEqual(["running"]);
  expect((await store.jobById(skips.id))!.nextRunAt).toBe(Date.UTC(2026, 0, 1, 6));
});

test("a clock that ran ahead and was put back leaves no job waiting for its false future", async () => {
  const job = await addJob({ nextRunAt: clock.nowMs() + 365 * 24 * hour });
  await scheduler.tick();
  expect((await store.jobById(job.id))!.nextRunAt).toBe(clock.nowMs() + hour);
});

test("what fails, takes too long or is lost is an event with its reason", async () => {
  const job = await addJob({ name: "nightly" });
  await begin(job);
  await eventually("it runs", () => containers.size === 1);
  [...containers.values()][0]!.print("no such table\n");
  [...containers.values()][0]!.end(3);
  await eventually("it ended", async () => (await statusesOf(job))[0] === "failed");
  expect((await runsOf(job))[0]).toMatchObject({ exitCode: 3, output: "no such table\n" });
  expect(await store.eventsOf([environmentId], 10)).toMatchObject([
    {
      kind: "job.failed",
      severity: "warning",
      message: "The job nightly failed: it ended with exit code 3.",
    },
  ]);

  const short = await addJob({ timeoutSeconds: 1 });
  await begin(short);
  await eventually("it was ended", async () => (await statusesOf(short))[0] === "timed_out");
  expect((await runsOf(short))[0]!.reason).toBe("it took longer than 1 s");
});

test("a site that is stopped runs no job; one that has nothing to run says so", async () => {
  const job = await addJob();
  await store.updateEnvironment(environmentId, { stoppedReason: "asked" });
  await begin(job);
  expect(await runsOf(job)).toMatchObject([{ status: "skipped", reason: "the site is stopped" }]);
  await store.updateEnvironment(environmentId, { stoppedReason: null, currentReleaseId: null });
  await begin(job);
  expect((await runsOf(job))[0]).toMatchObject({
    status: "failed",
    reason: expect.stringContaining("no release yet"),
  });
});

test("only so many run at once, of one environment and on the host; the others wait and get their turn", async () => {
  const jobs = await Promise.all(Array.from({ length: 3 }, () => addJob()));
  for (const job of jobs) await begin(job);
  expect(containers.size).toBe(2);
  [...containers.values()][0]!.end(0);
  await eventually("the third has its turn", async () => (await statusesOf(jobs[2]!))[0] === "running");
});

test("however many sites somebody has, others find a place", async () => {
  Object.assign(deps.settings, { jobsPerEnvironment: 3, jobsPerOwner: 1 });
  const jobs = await Promise.all(Array.from({ length: 2 }, () => addJob()));
  for (const job of jobs) await begin(job);
  expect(containers.size).toBe(1);
  const stranger = await seedSite(store, { site: { slug: "stranger" } });
  const foreign = await addJob({ environmentId: stranger.environment.id });
  await begin(foreign);
  // Whether it finds a release is another matter: it had its turn.
  await eventually("it has its turn", async () => (await statusesOf(foreign))[0] !== "queued");
  expect(await statusesOf(jobs[1]!)).toEqual(["queued"]);
});

test("its time comes while it runs: each policy", async () => {
  const queued = await addJob({ overlap: "queue" });
  for (let i = 0; i < 3; i++) {
    await begin(queued);
  }
  expect(await statusesOf(queued)).toEqual(["skipped", "queued", "running"]);
  await runner.endOfJob(queued.id, "over");

  const replaced = await addJob({ overlap: "replace" });
  for (let i = 0; i < 3; i++) {
    await begin(replaced);
  }
  await eventually("the last one runs", async () => (await statusesOf(replaced))[0] === "running");
  expect((await statusesOf(replaced)).slice(1)).toEqual(["cancelled", "cancelled"]);
  await runner.endOfJob(replaced.id, "over");

  const beside = await addJob({ overlap: "allow" });
  for (let i = 0; i < 7; i++) await begin(beside);
  const all = await statusesOf(beside);
  expect(all.filter((status) => status === "running").length).toBe(2);
  expect(all.filter((status) => status === "skipped").length).toBe(2);
});

test("only so many runs of a job are kept", async () => {
  deps.settings.keptRuns = 3;
  const job = await addJob({ schedule: "*/10 * * * *" });
  await pass(2 * hour);
  expect((await runsOf(job)).length).toBe(3);
});

test("the next daemon takes up what runs, and knows what it cannot find as lost", async () => {
  const [kept, gone] = [await addJob({ timeoutSeconds: 7200 }), await addJob()];
  for (const job of [kept, gone]) await begin(job);
  await eventually("both run", () => containers.size === 2);
  runner.stop();
  const goneRun = (await runsOf(gone))[0]!;
  containers.delete(goneRun.id);
  clock.advance(hour);

  const next = createJobRunner(deps);
  await recoverRuns(deps, next);
  expect((await runsOf(gone))[0]).toMatchObject({ status: "lost" });
  expect(await statusesOf(kept)).toEqual(["running"]);
  [...containers.values()][0]!.end(0);
  await eventually("it ended", async () => (await statusesOf(kept))[0] === "succeeded");
});
