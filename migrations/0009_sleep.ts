import { type Kysely, sql } from "kysely";

const statements = [
  // When an environment may sleep; those without a row follow the installation's settings.
  sql`CREATE TABLE sleep_policies (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    never INTEGER NOT NULL CHECK (never IN (0, 1)),
    -- Idle time; null follows the installation, 0 leaves that stage out.
    freeze_after_ms INTEGER CHECK (freeze_after_ms >= 0),
    stop_after_ms INTEGER CHECK (stop_after_ms >= 0),
    -- Cron patterns: JSON array of texts.
    wake_at TEXT NOT NULL CHECK (json_valid(wake_at)),
    time_zone TEXT NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT`,
  // Environments that are asleep now.
  sql`CREATE TABLE sleeps (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    -- Whose replicas sleep: with another current release the row is past.
    release_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('frozen', 'stopped')),
    asleep_since INTEGER NOT NULL,
    -- Of the present state.
    since INTEGER NOT NULL,
    reason TEXT NOT NULL,
    memory_before_bytes INTEGER,
    memory_after_bytes INTEGER,
    -- The event that tells of it, which ends with it.
    event_id TEXT NOT NULL
  ) STRICT`,
  // When an environment was last asked something, and how its counters stood then.
  sql`CREATE TABLE activities (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    last_active_at INTEGER NOT NULL,
    counters TEXT NOT NULL
  ) STRICT`,
  // How long it slept, by day in UTC. Sleep counts as up; here its time is kept apart.
  sql`CREATE TABLE sleep_days (
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    frozen_ms INTEGER NOT NULL,
    stopped_ms INTEGER NOT NULL,
    PRIMARY KEY (environment_id, day)
  ) STRICT`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
