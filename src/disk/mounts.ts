import { readFile } from "node:fs/promises";

export interface Mount {
  folder: string;
  /** Device or image that is mounted, such as `/dev/loop3`. */
  source: string;
  type: string;
}

/** The kernel writes blanks and the like as octal numbers (proc_pid_mountinfo(5)). */
const plain = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** All mounts that this process sees, in their order. */
export const mounts = async (): Promise<Mount[]> => {
  const text = await readFile("/proc/self/mountinfo", "utf8");
  return text.split("\n").flatMap((line): Mount[] => {
    const [before, after] = line.split(" - ");
    const folder = before?.split(" ")[4];
    const [type, source] = after?.split(" ") ?? [];
    return folder && type && source ? [{ folder: plain(folder), source: plain(source), type }] : [];
  });
};

/** What is mounted at a folder; the last mount hides those before it. */
export const mountAt = async (folder: string): Promise<Mount | null> =>
  (await mounts()).findLast((mount) => mount.folder === folder) ?? null;
