import { runCommand } from "./run-command.ts";

const deadlineMs = 120_000;

/**
 * Bytes that a folder takes on disk, on its own file system: du(1) at idle priority, or at once when it is urgent,
 * counts blocks and keeps off the event loop. Null when it cannot be measured.
 */
export const folderBytes = async (
  folder: string,
  { urgent = false }: { urgent?: boolean } = {},
): Promise<number | null> => {
  const du: [string, ...string[]] = ["du", "-s", "-x", "--block-size=1", "--", folder];
  const argv: [string, ...string[]] = urgent ? du : ["nice", "-n", "19", ...du];
  const result =
    (urgent ? null : await runCommand(["ionice", "-c", "3", ...argv], { deadlineMs })) ??
    (await runCommand(argv, { deadlineMs }));
  // du complains about files that vanish meanwhile, yet prints the sum
  const bytes = Number.parseInt(result?.stdout ?? "", 10);
  return Number.isFinite(bytes) ? bytes : null;
};
