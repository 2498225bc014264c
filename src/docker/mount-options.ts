import { readFile } from "node:fs/promises";

/** Of the innermost mount above a path: proc_pid_mountinfo(5), fields 5, 6 and the file system's own at the end. */
export const mountOptionsOf = async (path: string): Promise<string[] | null> => {
  const text = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  let found: { folder: string; options: string[] } | null = null;
  for (const line of text.split("\n")) {
    const words = line.split(" ");
    const folder = words[4];
    if (folder === undefined || !(path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`)))
      continue;
    // A later mount on the same folder hides the one before.
    if (found === null || folder.length >= found.folder.length)
      found = { folder, options: [...words[5]!.split(","), ...words.at(-1)!.split(",")] };
  }
  return found?.options ?? null;
};
