import { runCommand } from "./run-command.ts";

const deadlineMs = 120_000;
/** A file takes at least so much, also an empty one: the host's file system has only so many inodes for all. */
const leastFileBytes = 4096;

/**
 * Bytes that a folder takes on disk, on its own file system: du(1) at idle priority, or at once when it is urgent,
 * counts blocks and keeps off the event loop; in a hurry it counts them alone, and does not look whether there are more
 * files than blocks. Null when it cannot be measured.
 */
export const folderBytes = async (
  folder: string,
  { urgent = false }: { urgent?: boolean } = {},
): Promise<number | null> => {
  const blocks = await sumOf(["--block-size=1"], folder, urgent);
  if (blocks === null || urgent) return blocks;
  const files = await sumOf(["--inodes"], folder, urgent);
  return files === null ? null : Math.max(blocks, files * leastFileBytes);
};

const sumOf = async (options: string[], folder: string, urgent: boolean): Promise<number | null> => {
  const du: [string, ...string[]] = ["du", "-s", "-x", ...options, "--", folder];
  const argv: [string, ...string[]] = urgent ? du : ["nice", "-n", "19", ...du];
  const result =
    (urgent ? null : await runCommand(["ionice", "-c", "3", ...argv], { deadlineMs })) ??
    (await runCommand(argv, { deadlineMs }));
  // du complains about files that vanish meanwhile, yet prints the sum
  const sum = Number.parseInt(result?.stdout ?? "", 10);
  return Number.isFinite(sum) ? sum : null;
};
