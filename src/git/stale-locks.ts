import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Where git's lock files can lie in a bare repository (gitrepository-layout(5)). */
const lockPattern = /^(?:HEAD|config|packed-refs|shallow|FETCH_HEAD|refs\/.+|objects\/info\/.+)\.lock$/;

/**
 * Removes the lock files that git processes left behind when the machine lost power, or they were killed: git itself
 * refuses every later push with "File exists". Only while nothing works on the repository.
 * @returns their names
 */
export const removeStaleLocks = async (repoPath: string): Promise<string[]> => {
  const stale: string[] = [];
  for (const folder of ["", "refs", "objects/info"])
    for (const entry of await readdir(join(repoPath, folder), {
      withFileTypes: true,
      recursive: folder === "refs",
    }).catch(() => [])) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && lockPattern.test(path.slice(repoPath.length + 1))) stale.push(path);
    }
  for (const path of stale) await rm(path, { force: true });
  return stale.map((path) => path.slice(dirname(repoPath).length + 1));
};
