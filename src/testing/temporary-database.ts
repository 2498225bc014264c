import type { Database } from "bun:sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "../db/migrator.ts";
import { type Db, openDatabase } from "../db/open.ts";

export interface TemporaryDatabase {
  db: Db;
  raw: Database;
  /** A directory of its own, which holds `croft.db`; tests may put more files there. */
  dir: string;
  /** Closes the database and removes the directory. */
  close(): Promise<void>;
}

/** A real database file with the present schema, opened just as the daemon opens it. */
export const temporaryDatabase = async (): Promise<TemporaryDatabase> => {
  const dir = await mkdtemp(join(tmpdir(), "croft-test-"));
  const { db, raw } = openDatabase(join(dir, "croft.db"));
  await migrate(db);
  return {
    db,
    raw,
    dir,
    close: async () => {
      await db.destroy();
      await rm(dir, { recursive: true, force: true });
    },
  };
};
