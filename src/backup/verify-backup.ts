import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AppError, notFound } from "../errors.ts";
import { unpackFiles } from "./archive.ts";
import { inspectDatabase } from "./database-file.ts";
import type { BackupDeps } from "./deps.ts";
import { backupsFolder, lockBackups, namesIn } from "./folder.ts";
import { type BackupManifest, type BackupPart, readManifest } from "./manifest.ts";
import { readPart, unpackFile } from "./part-file.ts";
import { type BackupView, viewOf } from "./view.ts";

/** Beside the manifest, which never changes: when the backup was last read back whole. */
const verifiedName = "verified-at";

export const noteVerified = (folder: string, atMs: number): Promise<void> =>
  writeFile(join(folder, verifiedName), new Date(atMs).toISOString() + "\n", { mode: 0o600 });

export const verifiedAtMs = async (folder: string): Promise<number | null> => {
  const text = await readFile(join(folder, verifiedName), "utf8").catch(() => "");
  const ms = Date.parse(text.trim());
  return Number.isNaN(ms) ? null : ms;
};

const sameCounts = (a: Record<string, number>, b: Record<string, number>): string | null => {
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) if (a[name] !== b[name]) return name;
  return null;
};

/**
 * Checks a database that was unpacked from a backup: SQLite's own check, and as many rows in each table as when
 * the backup was made.
 * @throws AppError `unavailable`
 */
export const checkDatabase = async (file: string, part: BackupPart): Promise<void> => {
  const damaged = (why: string, cause?: unknown) =>
    new AppError("unavailable", `this backup is damaged: ${part.path} ${why}`, { cause });
  const facts = await inspectDatabase(file).catch((cause) => {
    throw damaged("is no whole database", cause);
  });
  if (facts.problems.length > 0) throw damaged(`fails SQLite's check: ${facts.problems[0]}`);
  const table = sameCounts(facts.tables, part.tables ?? {});
  if (table !== null)
    throw damaged(
      `has ${facts.tables[table] ?? "no"} rows in ${table} where the manifest says ${part.tables?.[table] ?? "none"}`,
    );
};

/**
 * Reads all of a backup: checksums, archives, and each database in full.
 * @param scratch an existing folder with room for the largest database
 * @throws AppError `unavailable` naming what is damaged
 */
export const checkBackup = async (
  folder: string,
  scratch: string,
  signal: AbortSignal,
): Promise<BackupManifest> => {
  const manifest = await readManifest(folder);
  const work = await mkdtemp(join(scratch, ".verify-"));
  try {
    for (const part of manifest.parts) {
      signal.throwIfAborted();
      const path = join(folder, part.path);
      if (part.kind === "database" || part.kind === "usage") {
        const file = join(work, "unpacked.db");
        await unpackFile(path, part, file, signal);
        await checkDatabase(file, part);
        await rm(file);
      } else await readPart(path, part, (archive) => unpackFiles(archive, null, signal));
    }
    return manifest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
};

/**
 * Finds the folder of a backup by its path, its folder's name or its id.
 * @throws AppError `not_found`
 */
export const findBackup = async (dataDir: string, which: string): Promise<string> => {
  const folder = backupsFolder(dataDir);
  const names = (await namesIn(folder)).filter((name) => !name.startsWith("."));
  const known = names.find((name) => name === which || name.endsWith(`-${which}`));
  if (known !== undefined) return join(folder, known);
  if ((await namesIn(which)).length > 0) return resolve(which);
  throw notFound(`the backup ${which}`);
};

/**
 * Verifies a backup, by path, name or id, and notes when that was.
 * @throws AppError `not_found`, `conflict` while a backup or restore runs, or `unavailable` naming what is damaged
 */
export const verifyBackup = async (
  deps: Pick<BackupDeps, "dataDir" | "clock" | "acquireLock" | "records">,
  which: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<BackupView> => {
  const folder = await findBackup(deps.dataDir, which);
  const scratch = backupsFolder(deps.dataDir);
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const lock = lockBackups(deps);
  let manifest: BackupManifest;
  try {
    manifest = await checkBackup(folder, scratch, signal);
  } finally {
    lock.release();
  }
  const atMs = deps.clock.nowMs();
  // A backup on a medium that cannot be written to is just as good.
  await noteVerified(folder, atMs).catch(() => {});
  await deps.records?.markBackupVerified(manifest.id, atMs);
  return viewOf(folder, manifest, atMs);
};
