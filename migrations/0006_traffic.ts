import { type Kysely, sql } from "kysely";

const statements = [
  // Requests of the environment wait at the edge until then, or until it is resumed.
  sql`CREATE TABLE pauses (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    paused_at INTEGER NOT NULL,
    resumes_at INTEGER NOT NULL,
    -- How long one request waits.
    max_wait_ms INTEGER NOT NULL CHECK (max_wait_ms > 0)
  ) STRICT`,
  // Visitors are shared out among releases; in force while the current release is one of them.
  sql`CREATE TABLE traffic_splits (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    -- JSON: [{releaseId, weight}]
    shares TEXT NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT`,
  // Environments whose bandwidth of the month is used up, since it was noticed.
  sql`CREATE TABLE bandwidth_used_up (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    since INTEGER NOT NULL
  ) STRICT`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
