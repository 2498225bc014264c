import type { Kysely } from "kysely";
import type { SecurityEventRecord } from "../../domain/records.ts";
import type { Schema } from "../schema.ts";

export const settingQueries = (db: Kysely<Schema>) => ({
  setting: async (key: string): Promise<string | null> =>
    (await db.selectFrom("settings").select("value").where("key", "=", key).executeTakeFirst())?.value ??
    null,
  putSetting: async (key: string, value: string, atMs: number): Promise<void> => {
    await db
      .insertInto("settings")
      .values({ key, value, updatedAt: atMs })
      .onConflict((conflict) => conflict.column("key").doUpdateSet({ value, updatedAt: atMs }))
      .execute();
  },
  insertSecurityEvent: async (event: SecurityEventRecord): Promise<void> => {
    await db.insertInto("securityEvents").values(event).execute();
  },
});
