import { statfs } from "node:fs/promises";
import { formatBytes, GB } from "../domain/size.ts";
import { deployFailed } from "./errors.ts";

const intervalMs = 500;
/** Below this nothing is built: databases and running sites need room to write. */
const reserveBytes = 2 * GB;
/** File systems have only so many inodes: an empty file counts as a small one. */
const leastFileBytes = 4096;
const leastFreeFiles = 0.02;

export interface DiskGuard {
  /** Aborts with an AppError `deploy_failed` that says why. */
  signal: AbortSignal;
  stop(): void;
}

/**
 * Watches the free space of a disk while something is built there: builders bound memory and CPU, but not what is
 * written. Others write meanwhile too, so the bound is for what no honest build needs.
 * @throws AppError `deploy_failed` when too little is left to begin with
 */
export const guardDisk = async (
  folder: string,
  { maxFallBytes, reserve = reserveBytes }: { maxFallBytes: number; reserve?: number },
): Promise<DiskGuard> => {
  /** Some file systems have inodes without end, and say 0. */
  const space = async (): Promise<{ free: number; files: number; lacksFiles: boolean }> => {
    const { bavail, bsize, files, ffree } = await statfs(folder);
    return { free: bavail * bsize, files: files - ffree, lacksFiles: ffree < files * leastFreeFiles };
  };
  const controller = new AbortController();
  const before = await space();
  const low = () => deployFailed(`the server's disk has less than ${formatBytes(reserve)} left`);
  const fewFiles = () => deployFailed("the server's disk has hardly any room for more files (inodes)");
  if (before.free < reserve) throw low();
  if (before.lacksFiles) throw fewFiles();
  const mostFiles = Math.floor(maxFallBytes / leastFileBytes);
  const look = async (): Promise<void> => {
    const now = await space();
    if (before.free - now.free > maxFallBytes)
      controller.abort(
        deployFailed(
          `the build wrote more than ${formatBytes(maxFallBytes)} to the server's disk and was ended`,
        ),
      );
    else if (now.files - before.files > mostFiles)
      controller.abort(
        deployFailed(`the build made more than ${mostFiles.toLocaleString("en")} files and was ended`),
      );
    else if (now.free < reserve) controller.abort(low());
    else if (now.lacksFiles) controller.abort(fewFiles());
  };
  // A look that fails says nothing; the next one may.
  const timer = setInterval(() => void look().catch(() => {}), intervalMs);
  return { signal: controller.signal, stop: () => clearInterval(timer) };
};

export const noDiskGuard: DiskGuard = { signal: new AbortController().signal, stop: () => {} };
