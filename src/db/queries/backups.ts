import type { Kysely } from "kysely";
import type { BackupRecord } from "../../domain/records.ts";
import type { Schema } from "../schema.ts";

/** What is known of backups that were made here, wherever their files are now. */
export const backupQueries = (db: Kysely<Schema>) => ({
  insertBackup: async (record: BackupRecord): Promise<void> => {
    await db.insertInto("backups").values(record).execute();
  },
  deleteBackup: async (id: string): Promise<void> => {
    await db.deleteFrom("backups").where("id", "=", id).execute();
  },
  markBackupVerified: async (id: string, atMs: number): Promise<void> => {
    await db.updateTable("backups").set({ verifiedAt: atMs }).where("id", "=", id).execute();
  },
  /** A scan: there are a few dozen. */
  allBackups: (): Promise<BackupRecord[]> =>
    db.selectFrom("backups").selectAll().orderBy("createdAt", "desc").execute(),
});
