import { type Kysely, sql } from "kysely";

const statements = [
  sql`CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    schedule TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    -- A JSON array: the words of the command.
    command TEXT NOT NULL CHECK (json_valid(command)),
    timeout_seconds INTEGER NOT NULL CHECK (timeout_seconds > 0),
    overlap TEXT NOT NULL CHECK (overlap IN ('skip', 'queue', 'replace', 'allow')),
    missed TEXT NOT NULL CHECK (missed IN ('skip', 'run')),
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    -- Null while it is not enabled.
    next_run_at INTEGER,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (environment_id, name)
  ) STRICT`,
  sql`CREATE INDEX jobs_due ON jobs (next_run_at) WHERE next_run_at IS NOT NULL`,
  // Commands that people and jobs ran. A row is there before anything of it is in the engine.
  sql`CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('exec', 'terminal', 'job')),
    job_id TEXT REFERENCES jobs (id) ON DELETE CASCADE,
    -- The job's time that it is for; null when a person asked.
    due_at INTEGER,
    command TEXT NOT NULL CHECK (json_valid(command)),
    timeout_seconds INTEGER NOT NULL,
    release_id TEXT,
    -- Set when it ran inside a replica.
    replica_id TEXT,
    status TEXT NOT NULL CHECK (
      status IN ('queued', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped', 'lost')
    ),
    asked_by TEXT NOT NULL,
    reason TEXT,
    exit_code INTEGER,
    oom_killed INTEGER NOT NULL DEFAULT 0,
    -- Of jobs alone: the last lines, secrets masked.
    output TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER
  ) STRICT`,
  sql`CREATE INDEX runs_by_environment ON runs (environment_id, id)`,
  sql`CREATE INDEX runs_by_job ON runs (job_id, id) WHERE job_id IS NOT NULL`,
  sql`CREATE INDEX runs_open ON runs (status, id) WHERE status IN ('queued', 'running')`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
