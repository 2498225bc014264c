import { runCommand } from "./run-command.ts";

const deadlineMs = 30 * 60_000;

/**
 * Removes a folder that an app could write to, at low priority; nothing when it is not there. By rm(1), whose work
 * grows with the number of files alone: the runtime's own removal goes down from the top for each, which a folder
 * nested tens of thousands deep turns into hours of a core.
 * @throws Error with rm's own words when something could not be removed
 */
export const removeFolder = async (folder: string): Promise<void> => {
  const argv = ["rm", "--recursive", "--force", "--one-file-system", "--", folder] as const;
  const result = await runCommand(["nice", "-n", "19", ...argv], { deadlineMs });
  if (result?.exitCode !== 0)
    throw new Error(
      `${folder} could not be removed: ${result?.stderr.slice(0, 500) ?? "rm is not installed"}`,
    );
};
