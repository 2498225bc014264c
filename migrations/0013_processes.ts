import { type Kysely, sql } from "kysely";

const statements = [
  // Which process of its release a replica runs; before there were others all were web.
  sql`ALTER TABLE replicas ADD COLUMN process TEXT NOT NULL DEFAULT 'web'`,
  // What people set of an environment's processes besides web; null is what the release and the environment say.
  sql`CREATE TABLE processes (
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    command TEXT,
    port INTEGER CHECK (port BETWEEN 1 AND 65535),
    replicas INTEGER CHECK (replicas BETWEEN 0 AND 10),
    memory_bytes INTEGER,
    cpu_millicores INTEGER,
    pids INTEGER,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (environment_id, name)
  ) STRICT, WITHOUT ROWID`,
  // Environments that no route leads to: only linked ones reach them.
  sql`CREATE TABLE internal_environments (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    since INTEGER NOT NULL
  ) STRICT`,
  // An environment reaches another by a name, over a network of theirs alone.
  sql`CREATE TABLE links (
    id TEXT PRIMARY KEY,
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    target_environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- Of the network pool, beside those of environments.
    network_slot INTEGER NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    -- When it was ended. The row goes once its network is gone.
    cut_at INTEGER,
    CHECK (environment_id <> target_environment_id)
  ) STRICT`,
  sql`CREATE UNIQUE INDEX links_by_name ON links (environment_id, name) WHERE cut_at IS NULL`,
  sql`CREATE UNIQUE INDEX links_once ON links (environment_id, target_environment_id) WHERE cut_at IS NULL`,
  sql`CREATE INDEX links_by_target ON links (target_environment_id)`,
  // Replicas made before this time are being replaced, one after the other.
  sql`CREATE TABLE rolling_restarts (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    asked_at INTEGER NOT NULL
  ) STRICT`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
