import type { Kysely } from "kysely";
import type { EventKind, EventRecord } from "../../domain/event.ts";
import type { Schema } from "../schema.ts";

export const eventQueries = (db: Kysely<Schema>) => ({
  insertEvent: async (event: EventRecord): Promise<void> => {
    await db.insertInto("events").values(event).execute();
  },
  /** @returns false when it had ended before */
  endEvent: async (id: string, atMs: number): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable("events")
      .set({ endedAt: atMs })
      .where("id", "=", id)
      .where("endedAt", "is", null)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  },
  /** Those that have not ended, oldest first. Index events_open. */
  openEvents: (kind: EventKind): Promise<EventRecord[]> =>
    db
      .selectFrom("events")
      .selectAll()
      .where("kind", "=", kind)
      .where("endedAt", "is", null)
      .orderBy("id")
      .execute(),
  /** Newest first; `beforeId` leaves out that one and all after it. Index events_by_environment. */
  eventsOf: (environmentIds: string[], limit: number, beforeId?: string): Promise<EventRecord[]> =>
    db
      .selectFrom("events")
      .selectAll()
      .where("environmentId", "in", environmentIds)
      .$if(beforeId !== undefined, (query) => query.where("id", "<", beforeId ?? ""))
      .orderBy("id", "desc")
      .limit(limit)
      .execute(),
  /** Of all sites and the host, newest first. */
  allEvents: (limit: number, beforeId?: string): Promise<EventRecord[]> =>
    db
      .selectFrom("events")
      .selectAll()
      .$if(beforeId !== undefined, (query) => query.where("id", "<", beforeId ?? ""))
      .orderBy("id", "desc")
      .limit(limit)
      .execute(),
  /** In steps of `limit`, so that the write lock is held shortly. @returns how many went */
  deleteEventsBefore: async (atMs: number, limit: number): Promise<number> => {
    const old = db.selectFrom("events").select("id").where("at", "<", atMs).limit(limit);
    const { numDeletedRows } = await db.deleteFrom("events").where("id", "in", old).executeTakeFirst();
    return Number(numDeletedRows);
  },
});
