import { close, constants, fstatSync, open, readlinkSync, type Stats } from "node:fs";
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const openFile = promisify(open);
const closeFile = promisify(close);

/** A release folder; where it really is, is asked once and again when something seems to lie outside. */
export interface StaticFolder {
  path: string;
  real: string | null;
}

/** An open file inside the folder, or what there is instead. The one who gets a descriptor closes it. */
export type Found =
  | {
      kind: "file";
      descriptor: number;
      stats: Stats;
      name: string;
      segments: readonly string[];
      folder: StaticFolder;
    }
  | { kind: "folder" }
  | { kind: "none" };

const none: Found = { kind: "none" };

/**
 * Opens `folder/…segments`. Links are followed as long as they stay inside: what counts is where the open
 * descriptor really is, so that nothing can be exchanged between check and use.
 */
export const openInside = async (folder: StaticFolder, segments: readonly string[]): Promise<Found> => {
  const path = join(folder.path, ...segments);
  let descriptor: number;
  try {
    // Non-blocking, since opening a FIFO would wait for a writer.
    descriptor = await openFile(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (missing.has((error as { code?: string }).code ?? "")) return none;
    throw error;
  }
  let kept = false;
  try {
    // Both are answered by the kernel from memory; only opening and reading may wait for a disk.
    const stats = fstatSync(descriptor);
    if (!(await isInside(folder, readlinkSync(`/proc/self/fd/${descriptor}`)))) return none;
    if (stats.isDirectory()) return { kind: "folder" };
    if (!stats.isFile()) return none;
    kept = true;
    return { kind: "file", descriptor, stats, name: segments.at(-1) ?? "", segments, folder };
  } finally {
    if (!kept) await closeFile(descriptor);
  }
};

export type OpenFile = Extract<Found, { kind: "file" }>;

export const closeFound = (found: OpenFile): Promise<void> => closeFile(found.descriptor);

const isInside = async (folder: StaticFolder, real: string): Promise<boolean> => {
  if (folder.real !== null && isBelow(folder.real, real)) return true;
  folder.real = await realpath(folder.path);
  return isBelow(folder.real, real);
};

const isBelow = (root: string, real: string): boolean => real === root || real.startsWith(`${root}/`);

const missing = new Set(["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG", "ENXIO", "EPERM"]);
