import { type Kysely, sql } from "kysely";

const statements = [
  // In which order sites come back after a restart of the engine or the host; the highest first, those without a row in the middle.
  sql`CREATE TABLE restore_priorities (
    site_id TEXT PRIMARY KEY REFERENCES sites (id) ON DELETE CASCADE,
    priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 100)
  ) STRICT`,
  // Environments that may use idle CPU beyond their limit.
  sql`CREATE TABLE cpu_bursts (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    since INTEGER NOT NULL
  ) STRICT`,
  // How a replica ended last.
  sql`CREATE TABLE replica_exits (
    replica_id TEXT PRIMARY KEY REFERENCES replicas (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    exit_code INTEGER,
    -- The kernel ended it for memory.
    oom_killed INTEGER NOT NULL CHECK (oom_killed IN (0, 1)),
    -- What it printed last, without secrets: JSON array of lines.
    last_lines TEXT NOT NULL CHECK (json_valid(last_lines))
  ) STRICT`,
  // How often memory met its limit, and how long work stood still for want of it.
  sql`ALTER TABLE usage_rollups ADD COLUMN memory_limit_hits INTEGER NOT NULL DEFAULT 0`,
  sql`ALTER TABLE usage_rollups ADD COLUMN memory_stall_micros INTEGER`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
