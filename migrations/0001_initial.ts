import { type Kysely, sql } from "kysely";

/**
 * Times are integer milliseconds UTC, sizes bytes. STRICT tables: a wrong type is an error, not a surprise.
 * Every statement stands in raw SQL, so that what a database file holds can be read here word for word.
 */
const statements = [
  sql`CREATE TABLE users (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL COLLATE NOCASE UNIQUE,
    email TEXT NOT NULL COLLATE NOCASE UNIQUE,
    password_hash TEXT NOT NULL,
    display_name TEXT NOT NULL DEFAULT '',
    is_admin INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),
    is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_login_at INTEGER
  ) STRICT`,
  sql`CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash TEXT NOT NULL UNIQUE,
    ip TEXT,
    user_agent TEXT,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended_why TEXT
  ) STRICT`,
  sql`CREATE INDEX sessions_by_user ON sessions (user_id)`,
  sql`CREATE TABLE organizations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL DEFAULT '',
    is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    created_at INTEGER NOT NULL
  ) STRICT`,
  sql`CREATE TABLE organization_members (
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    joined_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, user_id)
  ) STRICT`,
  sql`CREATE INDEX organization_members_by_user ON organization_members (user_id)`,
  sql`CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    revoked_at INTEGER
  ) STRICT`,
  sql`CREATE INDEX api_keys_by_user ON api_keys (user_id)`,
  sql`CREATE TABLE sites (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    owner_user_id TEXT REFERENCES users (id),
    owner_organization_id TEXT REFERENCES organizations (id),
    type TEXT NOT NULL CHECK (type IN ('auto', 'static', 'app', 'dockerfile', 'image')),
    repository_url TEXT,
    root_directory TEXT NOT NULL DEFAULT '',
    build_command TEXT,
    start_command TEXT,
    port INTEGER CHECK (port BETWEEN 1 AND 65535),
    image TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Rows stay for the ledger; the slug is free again. Clean-up of containers and files is done when cleaned_at is set.
    deleted_at INTEGER,
    delete_volumes INTEGER NOT NULL DEFAULT 0 CHECK (delete_volumes IN (0, 1)),
    cleaned_at INTEGER,
    CHECK ((owner_user_id IS NULL) <> (owner_organization_id IS NULL))
  ) STRICT`,
  sql`CREATE UNIQUE INDEX sites_slug ON sites (slug) WHERE deleted_at IS NULL`,
  sql`CREATE INDEX sites_by_owner_user ON sites (owner_user_id)`,
  sql`CREATE INDEX sites_by_owner_organization ON sites (owner_organization_id)`,
  sql`CREATE TABLE environments (
    id TEXT PRIMARY KEY,
    site_id TEXT NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    branch TEXT NOT NULL,
    auto_deploy INTEGER NOT NULL DEFAULT 1 CHECK (auto_deploy IN (0, 1)),
    strategy TEXT NOT NULL DEFAULT 'blue-green' CHECK (strategy IN ('blue-green')),
    replicas INTEGER NOT NULL DEFAULT 1 CHECK (replicas BETWEEN 1 AND 10),
    health_check TEXT NOT NULL,
    -- Slot in the network pool; the subnet follows from it. Null once the site is deleted and cleaned up.
    network_slot INTEGER UNIQUE,
    current_release_id TEXT REFERENCES releases (id),
    stopped_reason TEXT CHECK (stopped_reason IN ('asked', 'disk_full')),
    memory_bytes INTEGER NOT NULL,
    cpu_millicores INTEGER NOT NULL,
    pids INTEGER NOT NULL,
    disk_bytes INTEGER NOT NULL,
    bandwidth_bytes_per_month INTEGER NOT NULL,
    requests_per_minute INTEGER NOT NULL,
    concurrent_requests INTEGER NOT NULL,
    max_body_bytes INTEGER NOT NULL,
    -- What the kernel was last seen to hold (JSON, AppliedLimits), and the last disk measurement.
    applied_limits TEXT,
    disk_used_bytes INTEGER,
    disk_measured_at INTEGER,
    created_at INTEGER NOT NULL,
    UNIQUE (site_id, name)
  ) STRICT`,
  sql`CREATE TABLE volumes (
    id TEXT PRIMARY KEY,
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    mount_path TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (environment_id, name),
    UNIQUE (environment_id, mount_path)
  ) STRICT`,
  sql`CREATE TABLE env_vars (
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    ciphertext TEXT NOT NULL,
    key_version INTEGER NOT NULL,
    is_secret INTEGER NOT NULL CHECK (is_secret IN (0, 1)),
    updated_at INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (environment_id, key)
  ) STRICT`,
  sql`CREATE TABLE deployments (
    id TEXT PRIMARY KEY,
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    trigger TEXT NOT NULL CHECK (trigger IN ('push', 'webhook', 'api', 'cli', 'panel', 'schedule', 'rollback', 'promote')),
    triggered_by TEXT NOT NULL,
    -- Where the source is: 'repository' (the site's URL), 'push' (the bare repository here), 'image', 'release' (rollback).
    source TEXT NOT NULL CHECK (source IN ('repository', 'push', 'image', 'release')),
    branch TEXT,
    commit_hash TEXT,
    commit_message TEXT,
    commit_author TEXT,
    image TEXT,
    rollback_release_id TEXT REFERENCES releases (id),
    strategy TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'building', 'deploying', 'success', 'failed', 'cancelled', 'superseded', 'rolled_back')),
    -- Set in the same transaction as environments.current_release_id: after it there is no way back but a rollback.
    switched_at INTEGER,
    release_id TEXT REFERENCES releases (id),
    previous_release_id TEXT REFERENCES releases (id),
    attempts INTEGER NOT NULL DEFAULT 0,
    build_ms INTEGER,
    deploy_ms INTEGER,
    error_code TEXT,
    error_message TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER
  ) STRICT`,
  sql`CREATE INDEX deployments_by_environment ON deployments (environment_id, id DESC)`,
  sql`CREATE INDEX deployments_open ON deployments (status) WHERE status IN ('pending', 'building', 'deploying')`,
  sql`CREATE TABLE deployment_steps (
    deployment_id TEXT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    name TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    error TEXT,
    PRIMARY KEY (deployment_id, attempt, name)
  ) STRICT`,
  sql`CREATE TABLE deployment_logs (
    deployment_id TEXT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    level TEXT NOT NULL,
    source TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (deployment_id, seq)
  ) STRICT, WITHOUT ROWID`,
  sql`CREATE TABLE builds (
    deployment_id TEXT PRIMARY KEY REFERENCES deployments (id) ON DELETE CASCADE,
    success INTEGER NOT NULL CHECK (success IN (0, 1)),
    exit_code INTEGER,
    duration_ms INTEGER NOT NULL,
    dockerfile_path TEXT,
    dockerfile_generated INTEGER NOT NULL CHECK (dockerfile_generated IN (0, 1)),
    dockerfile TEXT,
    language TEXT,
    framework TEXT,
    image_id TEXT,
    tag TEXT,
    size_bytes INTEGER,
    layers INTEGER,
    optimisations TEXT NOT NULL DEFAULT '[]',
    error_excerpt TEXT
  ) STRICT`,
  sql`CREATE TABLE releases (
    id TEXT PRIMARY KEY,
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    deployment_id TEXT NOT NULL,
    image_id TEXT,
    image_tag TEXT,
    config TEXT NOT NULL,
    -- Env vars as they were, still encrypted: JSON array of {key, ciphertext, isSecret}.
    env TEXT NOT NULL,
    size_bytes INTEGER,
    created_at INTEGER NOT NULL,
    -- When its image or folder was removed: it can no longer be rolled back to.
    retired_at INTEGER,
    UNIQUE (environment_id, number)
  ) STRICT`,
  sql`CREATE TABLE replicas (
    id TEXT PRIMARY KEY,
    release_id TEXT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    container_id TEXT,
    state TEXT NOT NULL CHECK (state IN ('starting', 'running', 'draining', 'exited', 'stopped', 'removed')),
    address TEXT,
    port INTEGER,
    exit_code INTEGER,
    oom_kills INTEGER NOT NULL DEFAULT 0,
    restarts INTEGER NOT NULL DEFAULT 0,
    -- For people: why it is not running, with the last lines it printed.
    reason TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    next_restart_at INTEGER
  ) STRICT`,
  sql`CREATE INDEX replicas_by_environment ON replicas (environment_id) WHERE state <> 'removed'`,
  sql`CREATE TABLE hooks (
    id TEXT PRIMARY KEY,
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    provider TEXT NOT NULL CHECK (provider IN ('github')),
    secret_ciphertext TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    rotated_at INTEGER
  ) STRICT`,
  sql`CREATE INDEX hooks_by_environment ON hooks (environment_id)`,
  sql`CREATE TABLE hook_deliveries_in (
    id INTEGER PRIMARY KEY,
    hook_id TEXT NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    delivery_id TEXT NOT NULL,
    event TEXT NOT NULL,
    signature_ok INTEGER NOT NULL CHECK (signature_ok IN (0, 1)),
    result TEXT NOT NULL,
    deployment_id TEXT,
    at INTEGER NOT NULL,
    -- Of pushes to the deploying branch: what an older delivery that comes late is recognised by.
    head_before TEXT,
    head_after TEXT,
    pushed_at INTEGER
  ) STRICT`,
  // Only genuine deliveries count as seen: a forged one must not be able to block the real one.
  sql`CREATE UNIQUE INDEX hook_deliveries_once ON hook_deliveries_in (hook_id, delivery_id) WHERE signature_ok = 1`,
  sql`CREATE INDEX hook_deliveries_by_time ON hook_deliveries_in (hook_id, at)`,
  sql`CREATE TABLE usage_rollups (
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    resolution TEXT NOT NULL CHECK (resolution IN ('hour', 'day', 'month')),
    bucket INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    memory_sum INTEGER,
    memory_max INTEGER,
    memory_samples INTEGER NOT NULL,
    cpu_nanos INTEGER,
    cpu_percent_max REAL,
    cpu_span_ms INTEGER NOT NULL,
    disk_bytes INTEGER,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    client_errors INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    active_max INTEGER NOT NULL,
    latency_sum_ms REAL NOT NULL,
    -- Bucket counts of latencyBoundsMs in the sparse form of encodeLatency; histograms add up, averages do not.
    latency BLOB NOT NULL,
    up_ms INTEGER NOT NULL,
    throttled_nanos INTEGER NOT NULL,
    oom_kills INTEGER NOT NULL,
    PRIMARY KEY (environment_id, resolution, bucket)
  ) STRICT, WITHOUT ROWID`,
  sql`CREATE INDEX usage_rollups_by_bucket ON usage_rollups (resolution, bucket)`,
  sql`CREATE TABLE usage_watermarks (
    resolution TEXT PRIMARY KEY,
    -- Everything before this time is rolled up.
    done_until INTEGER NOT NULL
  ) STRICT`,
  sql`CREATE TABLE audit_log (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    actor_label TEXT NOT NULL,
    action TEXT NOT NULL,
    object_type TEXT NOT NULL,
    object_id TEXT NOT NULL,
    old_value TEXT,
    new_value TEXT,
    ip TEXT,
    user_agent TEXT
  ) STRICT`,
  sql`CREATE INDEX audit_log_by_object ON audit_log (object_id, at)`,
  sql`CREATE TABLE security_events (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    details TEXT NOT NULL,
    ip TEXT
  ) STRICT`,
  sql`CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT`,
  sql`CREATE TABLE backups (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('manual', 'automatic', 'pre-migration')),
    path TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    verified_at INTEGER
  ) STRICT`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
