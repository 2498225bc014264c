import { type Kysely, sql } from "kysely";
import type {
  ActivityRecord,
  SleepDayRecord,
  SleepPolicyRecord,
  SleepRecord,
  SleepState,
} from "../../domain/sleep.ts";
import type { Schema } from "../schema.ts";

/** Small tables: at most one row for each environment, and one for each day it slept. */
export const sleepQueries = (db: Kysely<Schema>) => ({
  allSleeps: (): Promise<SleepRecord[]> =>
    db.selectFrom("sleeps").selectAll().orderBy("environmentId").execute(),
  sleepsOf: (environmentIds: string[]): Promise<SleepRecord[]> =>
    db.selectFrom("sleeps").selectAll().where("environmentId", "in", environmentIds).execute(),
  putSleep: async (record: SleepRecord): Promise<void> => {
    const { environmentId: _, ...rest } = record;
    await db
      .insertInto("sleeps")
      .values(record)
      .onConflict((conflict) => conflict.column("environmentId").doUpdateSet(rest))
      .execute();
  },
  /** @returns false when it was not in that state any more */
  deleteSleep: async (environmentId: string, state: SleepState): Promise<boolean> => {
    const { numDeletedRows } = await db
      .deleteFrom("sleeps")
      .where("environmentId", "=", environmentId)
      .where("state", "=", state)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  },
  noteSleepMemory: async (
    environmentId: string,
    memory: { memoryBeforeBytes: number; memoryAfterBytes: number },
  ): Promise<void> => {
    await db.updateTable("sleeps").set(memory).where("environmentId", "=", environmentId).execute();
  },

  allSleepPolicies: (): Promise<SleepPolicyRecord[]> =>
    db.selectFrom("sleepPolicies").selectAll().orderBy("environmentId").execute(),
  sleepPolicyOf: (environmentId: string): Promise<SleepPolicyRecord | undefined> =>
    db.selectFrom("sleepPolicies").selectAll().where("environmentId", "=", environmentId).executeTakeFirst(),
  putSleepPolicy: async (record: SleepPolicyRecord): Promise<void> => {
    const { environmentId: _, ...rest } = record;
    await db
      .insertInto("sleepPolicies")
      .values(record)
      .onConflict((conflict) => conflict.column("environmentId").doUpdateSet(rest))
      .execute();
  },

  allActivities: (): Promise<ActivityRecord[]> => db.selectFrom("activities").selectAll().execute(),
  activityOf: (environmentId: string): Promise<ActivityRecord | undefined> =>
    db.selectFrom("activities").selectAll().where("environmentId", "=", environmentId).executeTakeFirst(),
  /** All or none; environments that are gone meanwhile are left out. */
  putActivities: async (records: readonly ActivityRecord[]): Promise<void> => {
    // In parts: a statement takes only so many values.
    for (let i = 0; i < records.length; i += 500)
      await db
        .insertInto("activities")
        .columns(["environmentId", "lastActiveAt", "counters"])
        .expression(
          sql`SELECT json_extract(value, '$.environmentId'), json_extract(value, '$.lastActiveAt'),
            json_extract(value, '$.counters') FROM json_each(${JSON.stringify(records.slice(i, i + 500))})
            WHERE EXISTS (SELECT 1 FROM environments WHERE id = json_extract(value, '$.environmentId'))`,
        )
        .onConflict((conflict) =>
          conflict.column("environmentId").doUpdateSet((row) => ({
            lastActiveAt: row.ref("excluded.lastActiveAt"),
            counters: row.ref("excluded.counters"),
          })),
        )
        .execute();
  },

  addSleepDay: async (record: SleepDayRecord): Promise<void> => {
    await db
      .insertInto("sleepDays")
      .values(record)
      .onConflict((conflict) =>
        conflict.columns(["environmentId", "day"]).doUpdateSet((row) => ({
          frozenMs: sql<number>`${row.ref("sleepDays.frozenMs")} + excluded.frozen_ms`,
          stoppedMs: sql<number>`${row.ref("sleepDays.stoppedMs")} + excluded.stopped_ms`,
        })),
      )
      .execute();
  },
  /** From that day on, oldest first. */
  sleepDaysOf: (environmentId: string, fromDay: string): Promise<SleepDayRecord[]> =>
    db
      .selectFrom("sleepDays")
      .selectAll()
      .where("environmentId", "=", environmentId)
      .where("day", ">=", fromDay)
      .orderBy("day")
      .execute(),
});
