import { type Kysely, sql } from "kysely";

const statements = [
  sql`CREATE TABLE domains (
    id TEXT PRIMARY KEY,
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    -- Lower case, as DNS has it (A-labels).
    name TEXT NOT NULL,
    is_primary INTEGER NOT NULL DEFAULT 0 CHECK (is_primary IN (0, 1)),
    -- Another domain of the same environment; null where the site itself answers.
    redirect_to TEXT,
    -- Whether it gets a certificate by itself.
    tls_on INTEGER NOT NULL DEFAULT 1 CHECK (tls_on IN (0, 1)),
    verified_at INTEGER,
    checked_at INTEGER,
    checks INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    -- Of a claim that is not verified: when it is looked at again, and when it ends.
    next_check_at INTEGER,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (environment_id, name),
    CHECK (verified_at IS NOT NULL OR expires_at IS NOT NULL)
  ) STRICT`,
  // Many may claim a name; it belongs to the first who verifies it.
  sql`CREATE UNIQUE INDEX domains_verified ON domains (name) WHERE verified_at IS NOT NULL`,
  sql`CREATE UNIQUE INDEX domains_primary ON domains (environment_id) WHERE is_primary = 1`,
  sql`CREATE INDEX domains_to_check ON domains (next_check_at) WHERE verified_at IS NULL`,
  sql`CREATE TABLE acme_accounts (
    directory TEXT PRIMARY KEY,
    -- Null until the authority has told it.
    url TEXT,
    key_ciphertext TEXT NOT NULL,
    key_version INTEGER NOT NULL,
    email TEXT,
    created_at INTEGER NOT NULL
  ) STRICT`,
  sql`CREATE TABLE certificates (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL CHECK (source IN ('acme', 'upload')),
    -- An uploaded one serves the names of this environment only; null for all names of the installation.
    environment_id TEXT REFERENCES environments (id) ON DELETE CASCADE,
    -- What an automatic one is for.
    name TEXT,
    -- Everything below is null until an automatic one is issued. Names as the certificate has them, a JSON array.
    names TEXT,
    issuer TEXT,
    fingerprint TEXT,
    not_before INTEGER,
    not_after INTEGER,
    chain TEXT,
    key_ciphertext TEXT,
    key_version INTEGER,
    -- ACME directory it came from.
    directory TEXT,
    -- The order under way, so that a crash in its middle loses nothing.
    order_url TEXT,
    order_key_ciphertext TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    last_error_at INTEGER,
    -- Next try, or the renewal.
    next_attempt_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CHECK ((source = 'acme') = (name IS NOT NULL)),
    CHECK (source = 'upload' OR environment_id IS NULL),
    CHECK ((chain IS NULL) = (key_ciphertext IS NULL)),
    CHECK ((order_url IS NULL) = (order_key_ciphertext IS NULL)),
    CHECK (source = 'acme' OR chain IS NOT NULL)
  ) STRICT`,
  sql`CREATE UNIQUE INDEX certificates_automatic ON certificates (name) WHERE source = 'acme'`,
  sql`CREATE INDEX certificates_by_environment ON certificates (environment_id) WHERE source = 'upload'`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
