import { type Kysely, sql } from "kysely";
import { decodeLatency, encodeLatency } from "../../domain/latency-histogram.ts";
import type { UsageRollupRecord } from "../../domain/records.ts";
import type { BucketResolution } from "../../domain/time-bucket.ts";
import type { UsageBucket, UsageTotals } from "../../domain/usage.ts";
import type { Schema } from "../schema.ts";

const bucketOf = ({ resolution: _, bucket, latency, ...row }: UsageRollupRecord): UsageBucket => ({
  ...row,
  bucketMs: bucket,
  latency: decodeLatency(latency),
});

const recordOf = (
  resolution: BucketResolution,
  { bucketMs, latency, ...sum }: UsageBucket,
): UsageRollupRecord => ({ ...sum, resolution, bucket: bucketMs, latency: encodeLatency(latency) });

/** One statement binds at most 32,766 values, a row has 25. */
const rowsPerInsert = 500;

/** Usage rollups with their watermarks. */
export const usageQueries = (db: Kysely<Schema>) => {
  const rollupsOf = (environmentIds: string[], resolution: BucketResolution, fromMs: number, toMs: number) =>
    // by the primary key of usage_rollups, once per environment
    db
      .selectFrom("usageRollups")
      .where(
        "environmentId",
        "in",
        sql<string>`(SELECT value FROM json_each(${JSON.stringify(environmentIds)}))`,
      )
      .where("resolution", "=", resolution)
      .where("bucket", ">=", fromMs)
      .where("bucket", "<", toMs);

  return {
    rolledUntil: async (resolution: BucketResolution): Promise<number | null> =>
      (
        await db
          .selectFrom("usageWatermarks")
          .select("doneUntil")
          .where("resolution", "=", resolution)
          .executeTakeFirst()
      )?.doneUntil ?? null,

    /** Sums and watermark together; rows of environments that are no more would break a foreign key. */
    commitBucket: (
      resolution: BucketResolution,
      sums: readonly UsageBucket[],
      rolledUntilMs: number,
    ): Promise<void> =>
      db.transaction().execute(async (trx) => {
        const known = new Set(
          (await trx.selectFrom("environments").select("id").execute()).map((row) => row.id),
        );
        const rows = sums
          .filter((sum) => known.has(sum.environmentId))
          .map((sum) => recordOf(resolution, sum));
        for (let i = 0; i < rows.length; i += rowsPerInsert)
          await trx
            .insertInto("usageRollups")
            .orReplace()
            .values(rows.slice(i, i + rowsPerInsert))
            .execute();
        await trx
          .insertInto("usageWatermarks")
          .orReplace()
          .values({ resolution, doneUntil: rolledUntilMs })
          .execute();
      }),

    /** By index usage_rollups_by_bucket. */
    sumsAt: async (resolution: BucketResolution, bucketMs: number): Promise<UsageBucket[]> =>
      (
        await db
          .selectFrom("usageRollups")
          .selectAll()
          .where("resolution", "=", resolution)
          .where("bucket", "=", bucketMs)
          .execute()
      ).map(bucketOf),

    sumsOf: async (
      environmentId: string,
      resolution: BucketResolution,
      fromMs: number,
      toMs: number,
    ): Promise<UsageBucket[]> =>
      (
        await db
          .selectFrom("usageRollups")
          .selectAll()
          .where("environmentId", "=", environmentId)
          .where("resolution", "=", resolution)
          .where("bucket", ">=", fromMs)
          .where("bucket", "<", toMs)
          .orderBy("bucket")
          .execute()
      ).map(bucketOf),

    /** By index usage_rollups_by_bucket. */
    firstBucket: async (resolution: BucketResolution, fromMs: number): Promise<number | null> =>
      (
        await db
          .selectFrom("usageRollups")
          .select((eb) => eb.fn.min("bucket").as("bucket"))
          .where("resolution", "=", resolution)
          .where("bucket", ">=", fromMs)
          .executeTakeFirst()
      )?.bucket ?? null,

    totalsBetween: async (
      environmentIds: string[],
      resolution: BucketResolution,
      fromMs: number,
      toMs: number,
    ): Promise<Map<string, UsageTotals>> => {
      const rows = await rollupsOf(environmentIds, resolution, fromMs, toMs)
        .select((eb) => [
          "environmentId",
          eb.fn.sum<number>("bytesIn").as("bytesIn"),
          eb.fn.sum<number>("bytesOut").as("bytesOut"),
          eb.fn.sum<number>("requests").as("requests"),
          eb.fn.sum<number>("errors").as("errors"),
          sql<number>`total(cpu_nanos) / 1e9`.as("cpuSeconds"),
          sql<number>`sum(up_ms) / 1e3`.as("uptimeSeconds"),
        ])
        .groupBy("environmentId")
        .execute();
      return new Map(rows.map(({ environmentId, ...totals }) => [environmentId, totals]));
    },

    requestsByHour: async (
      environmentIds: string[],
      fromMs: number,
      toMs: number,
    ): Promise<Map<string, Map<number, number>>> => {
      const byEnvironment = new Map<string, Map<number, number>>();
      for (const row of await rollupsOf(environmentIds, "hour", fromMs, toMs)
        .select(["environmentId", "bucket", "requests"])
        .execute()) {
        const hours = byEnvironment.get(row.environmentId) ?? new Map<number, number>();
        byEnvironment.set(row.environmentId, hours.set(row.bucket, row.requests));
      }
      return byEnvironment;
    },

    /** By index usage_rollups_by_bucket. */
    deleteBefore: async (resolution: BucketResolution, beforeMs: number, limit: number): Promise<number> => {
      const { numDeletedRows } = await db
        .deleteFrom("usageRollups")
        .where(
          sql`(environment_id, resolution, bucket)`,
          "in",
          db
            .selectFrom("usageRollups")
            .select(["environmentId", "resolution", "bucket"])
            .where("resolution", "=", resolution)
            .where("bucket", "<", beforeMs)
            .limit(limit),
        )
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
};
