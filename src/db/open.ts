import { Database } from "bun:sqlite";
import { CamelCasePlugin, Kysely, SqliteDialect, type SqliteDatabase } from "kysely";
import type { Schema } from "./schema.ts";

export type Db = Kysely<Schema>;

/**
 * Opens (or creates) croft.db: WAL, foreign keys, and `synchronous=FULL`, since losing the last commit here
 * would lose a person's word. One connection: Kysely serialises transactions on it.
 */
export const openDatabase = (path: string): { db: Db; raw: Database } => {
  const raw = new Database(path, { create: true, strict: true });
  raw.run("PRAGMA busy_timeout = 5000");
  raw.run("PRAGMA journal_mode = WAL");
  raw.run("PRAGMA synchronous = FULL");
  raw.run("PRAGMA foreign_keys = ON");
  raw.run("PRAGMA trusted_schema = OFF");
  // bun:sqlite takes the parameters as one array just as better-sqlite3 does; only its types say otherwise.
  const database = raw as unknown as SqliteDatabase;
  return {
    db: new Kysely<Schema>({ dialect: new SqliteDialect({ database }), plugins: [new CamelCasePlugin()] }),
    raw,
  };
};
