import { type Kysely, sql } from "kysely";

const statements = [
  // Where TXT records for DNS-01 are put; of the whole installation.
  sql`CREATE TABLE dns_providers (
    id TEXT PRIMARY KEY,
    -- Lower case; names in it, and names whose CNAME leads into it.
    zone TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('rfc2136', 'webhook')),
    -- What is no secret, as JSON of its kind.
    settings TEXT NOT NULL,
    secret_ciphertext TEXT NOT NULL,
    key_version INTEGER NOT NULL,
    -- Of the last use or test.
    used_at INTEGER,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL
  ) STRICT`,
  // Until then the authority wants to be left alone, so that a restart does not ask again.
  sql`ALTER TABLE acme_accounts ADD COLUMN paused_until INTEGER`,
  sql`ALTER TABLE acme_accounts ADD COLUMN pause_reason TEXT`,
  // When its authority is next asked for when to renew it (RFC 9773).
  sql`ALTER TABLE certificates ADD COLUMN renewal_check_at INTEGER`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
