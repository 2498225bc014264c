import { statfs } from "node:fs/promises";
import { formatBytes, GB } from "../domain/size.ts";
import { deployFailed } from "./errors.ts";

const intervalMs = 500;
/** Below this nothing is built: databases and running sites need room to write. */
const reserveBytes = 2 * GB;

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
  const free = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  };
  const controller = new AbortController();
  const before = await free();
  const low = () => deployFailed(`the server's disk has less than ${formatBytes(reserve)} left`);
  if (before < reserve) throw low();
  const look = async (): Promise<void> => {
    const now = await free();
    if (before - now > maxFallBytes)
      controller.abort(
        deployFailed(
          `the build wrote more than ${formatBytes(maxFallBytes)} to the server's disk and was ended`,
        ),
      );
    else if (now < reserve) controller.abort(low());
  };
  // A look that fails says nothing; the next one may.
  const timer = setInterval(() => void look().catch(() => {}), intervalMs);
  return { signal: controller.signal, stop: () => clearInterval(timer) };
};

export const noDiskGuard: DiskGuard = { signal: new AbortController().signal, stop: () => {} };
