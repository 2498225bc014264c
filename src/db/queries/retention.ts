import { type Kysely, sql } from "kysely";
import type { DeploymentLogRecord, DeploymentStepRecord } from "../../domain/records.ts";
import type { DeploymentLogArchiveRecord, LogSettingsRecord } from "../../domain/retention.ts";
import type { Schema } from "../schema.ts";

/** What is kept, and letting go of the rest. Each deletion is a small step of `limit` rows at most. */
export const retentionQueries = (db: Kysely<Schema>) => ({
  logSettingsOf: (environmentId: string): Promise<LogSettingsRecord | undefined> =>
    db.selectFrom("logSettings").selectAll().where("environmentId", "=", environmentId).executeTakeFirst(),
  putLogSettings: async (record: LogSettingsRecord): Promise<void> => {
    const { environmentId: _, ...rest } = record;
    await db
      .insertInto("logSettings")
      .values(record)
      .onConflict((conflict) => conflict.column("environmentId").doUpdateSet(rest))
      .execute();
  },

  /** Of all sites that are not deleted, whatever state they are in. */
  environmentIds: async (): Promise<string[]> =>
    (
      await db
        .selectFrom("environments")
        .innerJoin("sites", "sites.id", "environments.siteId")
        .select("environments.id")
        .where("sites.deletedAt", "is", null)
        .execute()
    ).map(({ id }) => id),

  /** Ids grow with time, so the oldest are the first. @returns how many went */
  deleteAuditBefore: async (atMs: number, limit: number): Promise<number> => {
    const { numDeletedRows } = await db
      .deleteFrom("auditLog")
      .where("at", "<", atMs)
      .where("id", "in", (oldest) => oldest.selectFrom("auditLog").select("id").orderBy("id").limit(limit))
      .executeTakeFirst();
    return Number(numDeletedRows);
  },
  /** The same. @returns how many went */
  deleteSecurityEventsBefore: async (atMs: number, limit: number): Promise<number> => {
    const { numDeletedRows } = await db
      .deleteFrom("securityEvents")
      .where("at", "<", atMs)
      .where("id", "in", (oldest) =>
        oldest.selectFrom("securityEvents").select("id").orderBy("id").limit(limit),
      )
      .executeTakeFirst();
    return Number(numDeletedRows);
  },
  /** Of containers that are gone. Index replicas_removed. @returns how many went */
  deleteRemovedReplicasBefore: async (atMs: number, limit: number): Promise<number> => {
    const { numDeletedRows } = await db
      .deleteFrom("replicas")
      .where("id", "in", (old) =>
        old
          .selectFrom("replicas")
          .select("id")
          .where("state", "=", "removed")
          .where("endedAt", "<", atMs)
          .limit(limit),
      )
      .executeTakeFirst();
    return Number(numDeletedRows);
  },

  /** The first deployment behind this one, by id and so by time, that has lines of log. By the primary key. */
  nextLoggedDeployment: async (afterId: string): Promise<string | null> =>
    (
      await db
        .selectFrom("deploymentLogs")
        .select("deploymentId")
        .where("deploymentId", ">", afterId)
        .orderBy("deploymentId")
        .limit(1)
        .executeTakeFirst()
    )?.deploymentId ?? null,
  /** The same of steps. */
  nextSteppedDeployment: async (afterId: string): Promise<string | null> =>
    (
      await db
        .selectFrom("deploymentSteps")
        .select("deploymentId")
        .where("deploymentId", ">", afterId)
        .orderBy("deploymentId")
        .limit(1)
        .executeTakeFirst()
    )?.deploymentId ?? null,
  allStepsOf: (deploymentId: string): Promise<DeploymentStepRecord[]> =>
    db
      .selectFrom("deploymentSteps")
      .selectAll()
      .where("deploymentId", "=", deploymentId)
      .orderBy("attempt")
      .orderBy("startedAt")
      .execute(),
  logLinesAfter: (deploymentId: string, afterSeq: number, limit: number): Promise<DeploymentLogRecord[]> =>
    db
      .selectFrom("deploymentLogs")
      .selectAll()
      .where("deploymentId", "=", deploymentId)
      .where("seq", ">", afterSeq)
      .orderBy("seq")
      .limit(limit)
      .execute(),
  /** @returns false when it was archived before */
  insertLogArchive: async (archive: DeploymentLogArchiveRecord): Promise<boolean> => {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto("deploymentLogArchives")
      .values(archive)
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return (numInsertedOrUpdatedRows ?? 0n) > 0n;
  },
  logArchiveOf: (deploymentId: string): Promise<DeploymentLogArchiveRecord | undefined> =>
    db
      .selectFrom("deploymentLogArchives")
      .selectAll()
      .where("deploymentId", "=", deploymentId)
      .executeTakeFirst(),
  hasLogArchive: async (deploymentId: string): Promise<boolean> =>
    (await db
      .selectFrom("deploymentLogArchives")
      .select("deploymentId")
      .where("deploymentId", "=", deploymentId)
      .executeTakeFirst()) !== undefined,
  /** Its oldest ones. @returns how many went */
  deleteLogLines: async (deploymentId: string, limit: number): Promise<number> => {
    const { numAffectedRows } = await sql`
      DELETE FROM deployment_logs WHERE deployment_id = ${deploymentId} AND seq <= (
        SELECT max(seq) FROM (
          SELECT seq FROM deployment_logs WHERE deployment_id = ${deploymentId} ORDER BY seq LIMIT ${limit}
        )
      )`.execute(db);
    return Number(numAffectedRows ?? 0n);
  },
  deleteSteps: async (deploymentId: string): Promise<void> => {
    await db.deleteFrom("deploymentSteps").where("deploymentId", "=", deploymentId).execute();
  },
});
