import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export const egressQueries = (db: Kysely<Schema>) => ({
  /** All environments that may not begin connections to anywhere outside. */
  closedEgress: async (): Promise<Set<string>> => {
    const rows = await db.selectFrom("closedEgress").select("environmentId").execute();
    return new Set(rows.map(({ environmentId }) => environmentId));
  },
  /** @returns false when it was so before */
  setEgress: async (environmentId: string, open: boolean, nowMs: number): Promise<boolean> => {
    if (open) {
      const { numDeletedRows } = await db
        .deleteFrom("closedEgress")
        .where("environmentId", "=", environmentId)
        .executeTakeFirst();
      return numDeletedRows > 0n;
    }
    const { numInsertedOrUpdatedRows } = await db
      .insertInto("closedEgress")
      .values({ environmentId, since: nowMs })
      .onConflict((conflict) => conflict.column("environmentId").doNothing())
      .executeTakeFirst();
    return (numInsertedOrUpdatedRows ?? 0n) > 0n;
  },
});
