import { formatBytes, GB } from "../domain/size.ts";
import { AppError } from "../errors.ts";
import { runGit } from "./run-git.ts";

export const maxRepositoryBytes = 2 * GB;

/** What a bare repository's objects take on disk, packed or not (git-count-objects(1)); 0 when it is not there. */
export const repositoryBytes = async (repoPath: string, signal?: AbortSignal): Promise<number> => {
  const counted = await runGit({
    args: ["count-objects", "-v"],
    gitDir: repoPath,
    deadlineMs: 30_000,
    signal,
  });
  if (counted.exitCode !== 0) return 0;
  let kilobytes = 0;
  for (const [, count] of counted.stdout.matchAll(/^(?:size|size-pack|size-garbage): (\d+)$/gm))
    kilobytes += Number(count);
  return kilobytes * 1024;
};

/**
 * A site's repository lies on the disk of all: each transfer has its bound, and this is the one for their sum.
 * @throws AppError `too_large`
 */
export const assertRepositoryRoom = async (options: {
  repoPath: string;
  maxBytes?: number;
  signal?: AbortSignal;
}): Promise<void> => {
  const { repoPath, maxBytes = maxRepositoryBytes, signal } = options;
  const bytes = await repositoryBytes(repoPath, signal);
  if (bytes >= maxBytes)
    throw new AppError(
      "too_large",
      `the site's repository holds ${formatBytes(bytes)}, at most ${formatBytes(maxBytes)} are allowed; what no branch needs any more goes within two weeks`,
    );
};
