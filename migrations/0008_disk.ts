import { type Kysely, sql } from "kysely";

const statements = [
  // How a volume's size is held. Volumes without a row are plain folders, bounded by the site's disk limit alone.
  sql`CREATE TABLE volume_storage (
    volume_id TEXT PRIMARY KEY REFERENCES volumes (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('loop', 'folder')),
    file_system TEXT CHECK (file_system IN ('ext4', 'xfs')),
    size_bytes INTEGER CHECK (size_bytes > 0),
    used_bytes INTEGER,
    measured_at INTEGER,
    CHECK ((kind = 'loop') = (file_system IS NOT NULL)),
    CHECK (kind = 'folder' OR size_bytes IS NOT NULL)
  ) STRICT`,
  sql`CREATE TABLE disk_keeping (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    read_only_root INTEGER NOT NULL CHECK (read_only_root IN (0, 1)),
    stops INTEGER NOT NULL,
    stopped_at INTEGER,
    stopped_limit_bytes INTEGER
  ) STRICT`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
