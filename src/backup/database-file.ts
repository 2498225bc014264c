import { runInThread } from "./run-in-thread.ts";

/**
 * A consistent copy of a database that may be in use: `VACUUM INTO` reads one snapshot, and writers go on.
 * @throws when the target exists
 */
export const copyDatabase = (source: string, target: string): Promise<void> =>
  runInThread(
    async (paths) => {
      const { Database } = await import("bun:sqlite");
      const database = new Database(paths.source, { readonly: true });
      try {
        database.run("PRAGMA busy_timeout = 10000");
        database.run("VACUUM INTO ?", [paths.target]);
      } finally {
        database.close(true);
      }
    },
    { source, target },
  );

export interface DatabaseFacts {
  /** What SQLite's own check says; empty when all is well. */
  problems: string[];
  /** Rows per table. */
  tables: Record<string, number>;
  /** Names of the migrations it has; none for a usage file. */
  migrations: string[];
  volumes: { id: string; name: string; site: string; environment: string }[];
}

/**
 * Checks a whole database file and counts its rows.
 * @throws when the file is no database or cannot be read
 */
export const inspectDatabase = (path: string): Promise<DatabaseFacts> =>
  runInThread(async (file): Promise<DatabaseFacts> => {
    const { Database } = await import("bun:sqlite");
    const database = new Database(file, { readonly: true });
    try {
      const all = (sql: string) => database.query<Record<string, string>, []>(sql).all();
      const problems = all("PRAGMA integrity_check")
        .map((row) => row.integrity_check!)
        .filter((line) => line !== "ok");
      for (const row of all("PRAGMA foreign_key_check"))
        problems.push(`a row of ${row.table} refers to one missing in ${row.parent}`);
      const tables: Record<string, number> = {};
      for (const { name } of all(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
      ))
        tables[name!] = Number(all(`SELECT count(*) AS n FROM "${name!.replaceAll('"', '""')}"`)[0]!.n);
      const migrations =
        "kysely_migration" in tables
          ? all("SELECT name FROM kysely_migration ORDER BY name").map((row) => row.name!)
          : [];
      let volumes: DatabaseFacts["volumes"] = [];
      try {
        volumes = all(
          `SELECT v.id, v.name, s.slug AS site, e.name AS environment FROM volumes AS v
           JOIN environments AS e ON e.id = v.environment_id JOIN sites AS s ON s.id = e.site_id`,
        ) as unknown as DatabaseFacts["volumes"];
      } catch {
        // A usage file, or a schema older than these columns: names are for people, the ids are in the folders.
      }
      return { problems, tables, migrations, volumes };
    } finally {
      database.close(true);
    }
  }, path);
