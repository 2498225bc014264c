import { type Kysely, sql } from "kysely";
import type { DeploymentStatus, StepName } from "../../domain/deployment.ts";
import type {
  BuildRecord,
  DeploymentLogRecord,
  DeploymentRecord,
  DeploymentStepRecord,
} from "../../domain/records.ts";
import type { Schema } from "../schema.ts";

/** Deployments with their steps, logs and builds. Status changes only through `advance`. */
export const deploymentQueries = (db: Kysely<Schema>) => ({
  insertDeployment: async (deployment: DeploymentRecord): Promise<void> => {
    await db.insertInto("deployments").values(deployment).execute();
  },
  /** Older pending ones of the environment give way; running ones never do. @returns their ids */
  supersedePending: async (environmentId: string, newerId: string, atMs: number): Promise<string[]> => {
    const rows = await db
      .updateTable("deployments")
      .set({
        status: "superseded",
        completedAt: atMs,
        errorCode: "superseded",
        errorMessage: `superseded by ${newerId}`,
      })
      .where("environmentId", "=", environmentId)
      .where("status", "=", "pending")
      .where("id", "<>", newerId)
      .returning("id")
      .execute();
    return rows.map((row) => row.id);
  },
  /**
   * Oldest pending deployment of an environment in which none runs, and of an owner of whose sites fewer than
   * `perOwner` run, claimed by a conditional UPDATE. Uses the partial index deployments_open.
   */
  claimNext: async (atMs: number, perOwner: number): Promise<DeploymentRecord | undefined> => {
    const claimed = await sql<{ id: string }>`
      UPDATE deployments SET status = 'building', attempts = attempts + 1, started_at = coalesce(started_at, ${atMs})
      WHERE status = 'pending' AND id = (
        SELECT candidate.id FROM deployments AS candidate
        JOIN environments ON environments.id = candidate.environment_id
        JOIN sites ON sites.id = environments.site_id
        WHERE candidate.status = 'pending' AND NOT EXISTS (
          SELECT 1 FROM deployments AS running
          WHERE running.environment_id = candidate.environment_id AND running.status IN ('building', 'deploying')
        ) AND ${perOwner} > (
          SELECT count(*) FROM deployments AS running
          JOIN environments AS other ON other.id = running.environment_id
          JOIN sites AS owned ON owned.id = other.site_id
          WHERE running.status IN ('building', 'deploying')
          AND coalesce(owned.owner_user_id, owned.owner_organization_id) = coalesce(sites.owner_user_id, sites.owner_organization_id)
        ) ORDER BY candidate.id LIMIT 1
      ) RETURNING id`.execute(db);
    const id = claimed.rows[0]?.id;
    if (id === undefined) return undefined;
    return db.selectFrom("deployments").selectAll().where("id", "=", id).executeTakeFirst();
  },
  /** Moves a deployment on when it still is where the caller thinks; false means somebody else moved it. */
  advance: async (
    id: string,
    from: DeploymentStatus,
    to: DeploymentStatus,
    patch: Partial<DeploymentRecord> = {},
  ): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable("deployments")
      .set({ ...patch, status: to })
      .where("id", "=", id)
      .where("status", "=", from)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  },
  patchDeployment: async (
    id: string,
    patch: Partial<Omit<DeploymentRecord, "id" | "status">>,
  ): Promise<void> => {
    await db.updateTable("deployments").set(patch).where("id", "=", id).execute();
  },
  deploymentById: (id: string): Promise<DeploymentRecord | undefined> =>
    db.selectFrom("deployments").selectAll().where("id", "=", id).executeTakeFirst(),
  /** Newest first, by the index deployments_by_environment. */
  deploymentsOf: (
    environmentId: string,
    limit: number,
    beforeId: string | null,
  ): Promise<DeploymentRecord[]> => {
    let query = db.selectFrom("deployments").selectAll().where("environmentId", "=", environmentId);
    if (beforeId !== null) query = query.where("id", "<", beforeId);
    return query.orderBy("id", "desc").limit(limit).execute();
  },
  deploymentsByIds: (ids: string[]): Promise<DeploymentRecord[]> =>
    db.selectFrom("deployments").selectAll().where("id", "in", ids).execute(),
  /** The newest of each environment, by the index deployments_by_environment. */
  latestDeployments: (environmentIds: string[]): Promise<DeploymentRecord[]> =>
    db
      .selectFrom("environments")
      .innerJoin("deployments", (join) =>
        join.on("deployments.id", "=", (eb) =>
          eb
            .selectFrom("deployments as newest")
            .select("newest.id")
            .whereRef("newest.environmentId", "=", "environments.id")
            .orderBy("newest.id", "desc")
            .limit(1),
        ),
      )
      .selectAll("deployments")
      .where("environments.id", "in", environmentIds)
      .execute(),
  /** By the partial index deployments_open. */
  openDeployments: (): Promise<DeploymentRecord[]> =>
    db
      .selectFrom("deployments")
      .selectAll()
      .where("status", "in", ["pending", "building", "deploying"])
      .orderBy("id")
      .execute(),

  insertStep: async (step: DeploymentStepRecord): Promise<void> => {
    await db
      .insertInto("deploymentSteps")
      .values(step)
      .onConflict((conflict) =>
        conflict
          .columns(["deploymentId", "attempt", "name"])
          .doUpdateSet({ startedAt: step.startedAt, endedAt: null, error: null }),
      )
      .execute();
  },
  endStep: async (
    deploymentId: string,
    attempt: number,
    name: StepName,
    endedAtMs: number,
    error: string | null,
  ): Promise<void> => {
    await db
      .updateTable("deploymentSteps")
      .set({ endedAt: endedAtMs, error })
      .where("deploymentId", "=", deploymentId)
      .where("attempt", "=", attempt)
      .where("name", "=", name)
      .execute();
  },
  stepsOf: (deploymentId: string, attempt: number): Promise<DeploymentStepRecord[]> =>
    db
      .selectFrom("deploymentSteps")
      .selectAll()
      .where("deploymentId", "=", deploymentId)
      .where("attempt", "=", attempt)
      .orderBy("startedAt")
      .execute(),

  insertLogLines: async (lines: DeploymentLogRecord[]): Promise<void> => {
    if (lines.length > 0) await db.insertInto("deploymentLogs").values(lines).execute();
  },
  /** By the primary key. */
  logAfter: (deploymentId: string, afterSeq: number, limit: number): Promise<DeploymentLogRecord[]> =>
    db
      .selectFrom("deploymentLogs")
      .selectAll()
      .where("deploymentId", "=", deploymentId)
      .where("seq", ">", afterSeq)
      .orderBy("seq")
      .limit(limit)
      .execute(),
  /** The newest lines, oldest first. By the primary key. */
  logTail: async (deploymentId: string, limit: number): Promise<DeploymentLogRecord[]> =>
    (
      await db
        .selectFrom("deploymentLogs")
        .selectAll()
        .where("deploymentId", "=", deploymentId)
        .orderBy("seq", "desc")
        .limit(limit)
        .execute()
    ).reverse(),
  lastLogSeq: async (deploymentId: string): Promise<number> =>
    (
      await db
        .selectFrom("deploymentLogs")
        .select((eb) => eb.fn.max("seq").as("seq"))
        .where("deploymentId", "=", deploymentId)
        .executeTakeFirst()
    )?.seq ?? 0,

  saveBuild: async (build: BuildRecord): Promise<void> => {
    await db.deleteFrom("builds").where("deploymentId", "=", build.deploymentId).execute();
    await db.insertInto("builds").values(build).execute();
  },
  buildOf: (deploymentId: string): Promise<BuildRecord | undefined> =>
    db.selectFrom("builds").selectAll().where("deploymentId", "=", deploymentId).executeTakeFirst(),
});
