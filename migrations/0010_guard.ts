import { type Kysely, sql } from "kysely";

const statements = [
  // What the host guard did and has not undone yet. Kinds are checked by the program.
  sql`CREATE TABLE guard_acts (
    event_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    -- Null for builds.
    environment_id TEXT REFERENCES environments (id) ON DELETE CASCADE,
    pressure TEXT NOT NULL,
    reason TEXT NOT NULL,
    cpu_millicores INTEGER,
    since INTEGER NOT NULL
  ) STRICT`,
  sql`CREATE INDEX guard_acts_by_environment ON guard_acts (environment_id)`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
