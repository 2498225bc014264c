import { type Kysely, sql } from "kysely";

const statements = [
  // What happened to sites and the host without anybody asking for it. Kinds are checked by the program: each release adds some.
  sql`CREATE TABLE events (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    -- Null when it is about the host.
    environment_id TEXT REFERENCES environments (id) ON DELETE CASCADE,
    message TEXT NOT NULL,
    details TEXT NOT NULL CHECK (json_valid(details)),
    ended_at INTEGER
  ) STRICT`,
  sql`CREATE INDEX events_by_environment ON events (environment_id, id)`,
  sql`CREATE INDEX events_by_time ON events (at)`,
  sql`CREATE INDEX events_open ON events (kind) WHERE ended_at IS NULL`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
