import { stat, statfs } from "node:fs/promises";
import type { DiskSpace } from "../domain/disk.ts";

/** Of the file systems that the folders lie on, each once; folders that are not there are left out. */
export const diskSpaceOf = async (folders: readonly string[]): Promise<DiskSpace[]> => {
  const seen = new Map<number, DiskSpace>();
  for (const folder of folders) {
    const facts = await stat(folder).catch(() => null);
    if (facts === null || seen.has(facts.dev)) continue;
    const { bavail, blocks, bsize } = await statfs(folder);
    seen.set(facts.dev, { freeBytes: bavail * bsize, totalBytes: blocks * bsize });
  }
  return [...seen.values()];
};
