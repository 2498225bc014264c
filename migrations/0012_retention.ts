import { type Kysely, sql } from "kysely";

const statements = [
  // What is kept of an environment's output, where it differs from the installation's settings.
  sql`CREATE TABLE log_settings (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    max_bytes INTEGER CHECK (max_bytes > 0),
    days INTEGER CHECK (days > 0),
    -- Then it may be more than the installation's, too.
    by_operator INTEGER NOT NULL CHECK (by_operator IN (0, 1)),
    updated_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  // Steps and log of old deployments: JSON packed by zstd. Once a row is here, what is left in the other tables no longer counts.
  sql`CREATE TABLE deployment_log_archives (
    deployment_id TEXT PRIMARY KEY REFERENCES deployments (id) ON DELETE CASCADE,
    lines INTEGER NOT NULL,
    content BLOB NOT NULL,
    archived_at INTEGER NOT NULL
  ) STRICT`,
  sql`CREATE INDEX replicas_removed ON replicas (ended_at) WHERE state = 'removed'`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
