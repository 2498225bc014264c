import { readdir } from "node:fs/promises";
import { mustRun } from "./run-tool.ts";

const deadlineMs = 6 * 3_600_000;

/** True also when it is not there. */
export const folderIsEmpty = async (folder: string): Promise<boolean> =>
  (await readdir(folder).catch(() => [])).length === 0;

/** Copies all that a folder holds to the disk, with owners, modes, times and attributes. */
export const copyIn = async (from: string, to: string): Promise<void> => {
  await mustRun(
    "the volume's data could not be copied",
    ["nice", "-n", "10", "cp", "--archive", "--one-file-system", "--no-target-directory", "--", from, to],
    deadlineMs,
  );
  await mustRun("the volume's data could not be written", ["sync", "--file-system", to]);
};

export const emptyFolder = async (folder: string): Promise<void> => {
  await mustRun(
    "the volume's former folder could not be emptied",
    ["find", folder, "-xdev", "-mindepth", "1", "-delete"],
    deadlineMs,
  );
};
