// Identifiers are kept once and stand in samples as small integers: a sample takes about 60 bytes.
export const usageFileSchema = `
  CREATE TABLE environments (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE samples (
    environment INTEGER NOT NULL,
    at INTEGER NOT NULL,
    memory_bytes INTEGER,
    cpu_nanos INTEGER,
    throttled_nanos INTEGER NOT NULL,
    oom_kills INTEGER NOT NULL,
    disk_bytes INTEGER,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    client_errors INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    active INTEGER NOT NULL,
    latency_sum_ms REAL NOT NULL,
    latency BLOB NOT NULL,
    up_ms INTEGER NOT NULL,
    memory_limit_hits INTEGER NOT NULL DEFAULT 0,
    memory_stall_micros INTEGER,
    PRIMARY KEY (environment, at)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE sampler_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    epoch TEXT,
    engine_at INTEGER,
    -- Since when samples may lie in buckets that were rolled up before: the clock went back.
    late_from INTEGER
  ) STRICT;
  CREATE TABLE meter_baselines (
    environment TEXT PRIMARY KEY,
    requests INTEGER NOT NULL,
    status4xx INTEGER NOT NULL,
    status5xx INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    latency_sum_ms REAL NOT NULL,
    latency BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE replica_baselines (
    replica TEXT PRIMARY KEY,
    environment TEXT NOT NULL,
    cpu_nanos INTEGER NOT NULL,
    throttled_nanos INTEGER NOT NULL,
    oom_kills INTEGER NOT NULL,
    memory_limit_hits INTEGER NOT NULL DEFAULT 0,
    memory_stall_micros INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = 2;
`;

/** Brings a file of the first version to the present one. */
export const usageFileFrom1 = `
  ALTER TABLE samples ADD COLUMN memory_limit_hits INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE samples ADD COLUMN memory_stall_micros INTEGER;
  ALTER TABLE replica_baselines ADD COLUMN memory_limit_hits INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE replica_baselines ADD COLUMN memory_stall_micros INTEGER NOT NULL DEFAULT 0;
  PRAGMA user_version = 2;
`;
