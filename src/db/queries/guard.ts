import type { Kysely } from "kysely";
import type { EventRecord } from "../../domain/event.ts";
import type { GuardActRecord } from "../../domain/guard.ts";
import type { Schema } from "../schema.ts";

/** A small table: it has rows only while the host is under pressure. */
export const guardQueries = (db: Kysely<Schema>) => ({
  insertGuardAct: async (act: GuardActRecord): Promise<void> => {
    await db.insertInto("guardActs").values(act).execute();
  },
  /** @returns false when it was undone before */
  deleteGuardAct: async (eventId: string): Promise<boolean> => {
    const { numDeletedRows } = await db
      .deleteFrom("guardActs")
      .where("eventId", "=", eventId)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  },
  /** Oldest first: event ids sort by time. */
  allGuardActs: (): Promise<GuardActRecord[]> =>
    db.selectFrom("guardActs").selectAll().orderBy("eventId").execute(),
  /** Index guard_acts_by_environment. */
  guardActsOf: (environmentIds: string[]): Promise<GuardActRecord[]> =>
    db
      .selectFrom("guardActs")
      .selectAll()
      .where("environmentId", "in", environmentIds)
      .orderBy("eventId")
      .execute(),
  /** Newest first. Kinds begin with `guard.`; reads back from the newest event, so it is for few. */
  guardEvents: (limit: number): Promise<EventRecord[]> =>
    db
      .selectFrom("events")
      .selectAll()
      .where("kind", "in", [
        "guard.builds_paused",
        "guard.site_slept",
        "guard.site_throttled",
        "guard.site_paused",
      ])
      .orderBy("id", "desc")
      .limit(limit)
      .execute(),
});
