import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "../errors.ts";

export const backupKinds = ["manual", "automatic", "pre-migration"] as const;
export type BackupKind = (typeof backupKinds)[number];

/** A path inside the backup that cannot lead out of it. */
const partPath = z
  .string()
  .regex(/^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)?$/);

const partSchema = z.object({
  path: partPath,
  /** `database` and `usage` are SQLite files, the others tar archives relative to the data directory. */
  kind: z.enum(["database", "usage", "repositories", "static", "volume"]),
  /** As stored, compressed with zstd. */
  bytes: z.int().nonnegative(),
  contentBytes: z.int().nonnegative(),
  /** Of the stored file. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Rows per table; SQLite files only. */
  tables: z.record(z.string(), z.int().nonnegative()).optional(),
  /** Volumes only; null for one whose site is gone. */
  volume: z.object({ id: z.string(), name: z.string(), site: z.string(), environment: z.string() }).nullish(),
});
export type BackupPart = z.infer<typeof partSchema>;

export const manifestSchema = z.object({
  format: z.literal(1),
  id: z.string().regex(/^bak_[0-9a-z]+$/),
  kind: z.enum(backupKinds),
  createdAt: z.iso.datetime(),
  croftVersion: z.string(),
  /** Migrations that the database has, in order. */
  migrations: z.array(z.string()),
  /** Of the master key that secrets in the database are sealed with. The key itself is not in a backup. */
  keyFingerprint: z.string().nullable(),
  parts: z.array(partSchema).min(1),
  /** What a person should know: files that changed while they were copied. */
  warnings: z.array(z.string()),
  notes: z.array(z.string()),
});
export type BackupManifest = z.infer<typeof manifestSchema>;

export const manifestName = "manifest.json";

/** Said wherever a backup is made, listed or put back. */
export const masterKeyNote =
  "the master key is not in the backup: keep master.key from the data directory somewhere else; without it environment variables and other secrets cannot be read";

export const backupNotes: readonly string[] = [
  masterKeyNote,
  "the database is a consistent snapshot; volumes were copied while in use, as they would be found after a power cut",
  "container images are not in the backup: on another machine each site is built again by its next deploy",
];

/**
 * @throws AppError `unavailable` when the folder holds no whole manifest
 */
export const readManifest = async (folder: string): Promise<BackupManifest> => {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(join(folder, manifestName), "utf8")));
  } catch (cause) {
    throw new AppError("unavailable", `${folder} is not a whole backup: its ${manifestName} cannot be read`, {
      cause,
    });
  }
};

export const storedBytes = (manifest: BackupManifest): number =>
  manifest.parts.reduce((sum, part) => sum + part.bytes, 0);
