import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { BackupDeps } from "./deps.ts";

export const backupsFolder = (dataDir: string): string => join(dataDir, "backups");

/** Entries of a folder in order; none when it does not exist. */
export const namesIn = async (folder: string): Promise<string[]> => {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
};

/** Held by whoever makes, removes or restores backups. */
export const lockBackups = (deps: Pick<BackupDeps, "dataDir" | "acquireLock">): { release(): void } =>
  deps.acquireLock(join(deps.dataDir, "run", "backup.lock"), "another backup or restore is running");

/** `20260310T120000Z`, which sorts by time. */
export const timeName = (atMs: number): string => new Date(atMs).toISOString().replace(/[-:]|\.\d+/g, "");
