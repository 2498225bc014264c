import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readlink, realpath } from "node:fs/promises";
import { join } from "node:path";

/** An open file inside the folder, or what there is instead. The one who gets a handle closes it. */
export type Found =
  { kind: "file"; handle: FileHandle; stats: Stats; name: string } | { kind: "folder" } | { kind: "none" };

const none: Found = { kind: "none" };

/**
 * Opens `folder/…segments`. Links are followed as long as they stay inside: what counts is where the open
 * descriptor really is, so that nothing can be exchanged between check and use.
 */
export const openInside = async (folder: string, segments: readonly string[]): Promise<Found> => {
  const path = join(folder, ...segments);
  let handle: FileHandle;
  try {
    // Non-blocking, since opening a FIFO would wait for a writer.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (missing.has((error as { code?: string }).code ?? "")) return none;
    throw error;
  }
  let kept = false;
  try {
    const [root, real, stats] = await Promise.all([
      realpath(folder),
      readlink(`/proc/self/fd/${handle.fd}`),
      handle.stat(),
    ]);
    if (real !== root && !real.startsWith(`${root}/`)) return none;
    if (stats.isDirectory()) return { kind: "folder" };
    if (!stats.isFile()) return none;
    kept = true;
    return { kind: "file", handle, stats, name: segments.at(-1) ?? "" };
  } finally {
    if (!kept) await handle.close();
  }
};

const missing = new Set(["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG", "ENXIO", "EPERM"]);
