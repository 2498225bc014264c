import { Migrator, type Migration } from "kysely/migration";
import { migrations } from "../../migrations/index.ts";
import type { Db } from "./open.ts";

const migratorOf = (db: Db, list: Record<string, Migration>): Migrator =>
  new Migrator({ db: db as never, provider: { getMigrations: async () => list } });

/** Names of migrations that this program has and the database has not. */
export const pendingMigrations = async (db: Db, list = migrations): Promise<string[]> =>
  (await migratorOf(db, list).getMigrations()).filter((one) => !one.executedAt).map((one) => one.name);

/**
 * Brings the schema up to this program's. Kysely runs all pending migrations in one transaction, so a crash
 * leaves the old schema or the new, nothing between.
 * @throws the migration's own error; the database is then as it was before
 */
export const migrate = async (db: Db, list = migrations): Promise<string[]> => {
  const { error, results } = await migratorOf(db, list).migrateToLatest();
  if (error) throw error;
  return (results ?? []).map((result) => result.migrationName);
};
