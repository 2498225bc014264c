import { type Kysely, sql } from "kysely";
import type { JobRecord } from "../../domain/job.ts";
import type { RunKind, RunRecord, RunStatus } from "../../domain/run.ts";
import type { Schema } from "../schema.ts";

/** Written out: of values that are bound SQLite cannot tell whether the partial index runs_open holds them all. */
const isOpen = sql<boolean>`status IN ('queued', 'running')`;

/** Commands that people and jobs ran, and the jobs. */
export const runQueries = (db: Kysely<Schema>) => ({
  insertRun: async (run: RunRecord): Promise<void> => {
    await db.insertInto("runs").values(run).execute();
  },
  runById: (id: string): Promise<RunRecord | undefined> =>
    db.selectFrom("runs").selectAll().where("id", "=", id).executeTakeFirst(),
  runsByIds: (ids: string[]): Promise<RunRecord[]> =>
    db.selectFrom("runs").selectAll().where("id", "in", ids).execute(),
  /** @returns false when it was in another state by then */
  moveRun: async (id: string, from: RunStatus, patch: Partial<RunRecord>): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable("runs")
      .set(patch)
      .where("id", "=", id)
      .where("status", "=", from)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  },
  /** All that are queued or under way, oldest first. Index runs_open. */
  openRuns: (): Promise<RunRecord[]> =>
    db.selectFrom("runs").selectAll().where(isOpen).orderBy("id").execute(),
  /** Newest first; `beforeId` leaves out that one and all after it. Index runs_by_environment. */
  runsOf: (
    environmentId: string,
    kinds: readonly RunKind[],
    limit: number,
    beforeId: string | null,
  ): Promise<RunRecord[]> =>
    db
      .selectFrom("runs")
      .selectAll()
      .where("environmentId", "=", environmentId)
      .where("kind", "in", kinds)
      .$if(beforeId !== null, (query) => query.where("id", "<", beforeId ?? ""))
      .orderBy("id", "desc")
      .limit(limit)
      .execute(),
  /** Newest first. Index runs_by_job. */
  runsOfJob: (jobId: string, limit: number, beforeId: string | null): Promise<RunRecord[]> =>
    db
      .selectFrom("runs")
      .selectAll()
      .where("jobId", "=", jobId)
      .$if(beforeId !== null, (query) => query.where("id", "<", beforeId ?? ""))
      .orderBy("id", "desc")
      .limit(limit)
      .execute(),
  /** Ended ones of a job beyond the newest `keep`. Index runs_by_job. @returns how many went */
  pruneRunsOfJob: async (jobId: string, keep: number): Promise<number> => {
    const old = db
      .selectFrom("runs")
      .select("id")
      .where("jobId", "=", jobId)
      .where("status", "not in", ["queued", "running"])
      .orderBy("id", "desc")
      .limit(500)
      .offset(keep);
    const { numDeletedRows } = await db.deleteFrom("runs").where("id", "in", old).executeTakeFirst();
    return Number(numDeletedRows);
  },
  /** What people ran, by id, which begins with its time. In steps of `limit`. @returns how many went */
  deleteRunsBefore: async (id: string, limit: number): Promise<number> => {
    const old = db
      .selectFrom("runs")
      .select("id")
      .where("id", "<", id)
      .where("jobId", "is", null)
      .where("status", "not in", ["queued", "running"])
      .limit(limit);
    const { numDeletedRows } = await db.deleteFrom("runs").where("id", "in", old).executeTakeFirst();
    return Number(numDeletedRows);
  },

  insertJob: async (job: JobRecord): Promise<void> => {
    await db.insertInto("jobs").values(job).execute();
  },
  jobById: (id: string): Promise<JobRecord | undefined> =>
    db.selectFrom("jobs").selectAll().where("id", "=", id).executeTakeFirst(),
  jobByName: (environmentId: string, name: string): Promise<JobRecord | undefined> =>
    db
      .selectFrom("jobs")
      .selectAll()
      .where("environmentId", "=", environmentId)
      .where("name", "=", name)
      .executeTakeFirst(),
  jobsOf: (environmentId: string): Promise<JobRecord[]> =>
    db.selectFrom("jobs").selectAll().where("environmentId", "=", environmentId).orderBy("name").execute(),
  updateJob: async (id: string, patch: Partial<JobRecord>): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable("jobs")
      .set(patch)
      .where("id", "=", id)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  },
  /** @returns false when its time was changed by another meanwhile */
  moveJob: async (id: string, from: number, to: number | null): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable("jobs")
      .set({ nextRunAt: to })
      .where("id", "=", id)
      .where("nextRunAt", "=", from)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  },
  deleteJob: async (id: string): Promise<boolean> => {
    const { numDeletedRows } = await db.deleteFrom("jobs").where("id", "=", id).executeTakeFirst();
    return numDeletedRows > 0n;
  },
  /** Of sites that are there still, soonest first. Index jobs_due. */
  waitingJobs: (beforeMs: number): Promise<JobRecord[]> =>
    jobsToCome(db)
      .selectAll("jobs")
      .where("jobs.nextRunAt", "<", beforeMs)
      .orderBy("jobs.nextRunAt")
      .execute(),
  /** Index jobs_due. */
  soonestJobAt: async (): Promise<number | null> => {
    const row = await jobsToCome(db)
      .select("jobs.nextRunAt")
      .orderBy("jobs.nextRunAt")
      .limit(1)
      .executeTakeFirst();
    return row?.nextRunAt ?? null;
  },
});

const jobsToCome = (db: Kysely<Schema>) =>
  db
    .selectFrom("jobs")
    .innerJoin("environments", "environments.id", "jobs.environmentId")
    .innerJoin("sites", "sites.id", "environments.siteId")
    .where("jobs.nextRunAt", "is not", null)
    .where("sites.deletedAt", "is", null);
