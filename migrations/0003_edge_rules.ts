import { type Kysely, sql } from "kysely";

const statements = [
  // What the edge does for an environment beyond its limits; no row means the defaults.
  sql`CREATE TABLE edge_rules (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    -- JSON; only what differs from the defaults.
    rules TEXT NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
