import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Whether a user without further groups may use a path, from permission bits alone (access lists aside).
 * A user's group id is taken to be the same number.
 */
const allows = (path: string, id: number, bit: 4 | 2 | 1): boolean => {
  const { mode, uid, gid } = statSync(path);
  if (id === 0) return true;
  if (uid === id) return (mode & (bit << 6)) !== 0;
  if (gid === id) return (mode & (bit << 3)) !== 0;
  return (mode & bit) !== 0;
};

/**
 * @param from the outermost folder that counts
 * @returns the outermost folder above `path` that the user may not pass, null when there is none
 */
export const blockingFolder = (path: string, id: number, from = "/"): string | null => {
  const above: string[] = [];
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    above.unshift(folder);
    if (folder === from || folder === dirname(folder)) break;
  }
  return above.find((folder) => !allows(folder, id, 1)) ?? null;
};

/** The user may read the file, or run it. */
export const reachable = (path: string, id: number, what: "read" | "run"): boolean =>
  blockingFolder(path, id) === null && allows(path, id, what === "read" ? 4 : 1);
