import { readdir, rename, rm, stat } from "node:fs/promises";
import { GB } from "../domain/size.ts";
import { AppError } from "../errors.ts";
import { plainLine } from "./plain-line.ts";
import { runGit } from "./run-git.ts";

const leftoverAgeMs = 24 * 60 * 60 * 1000;

/** What a process that was killed half-way through a transfer leaves behind; nothing younger than a day is touched. */
const sweepLeftovers = async (repoPath: string, nowMs: number): Promise<void> => {
  const folders: [string, RegExp][] = [
    [`${repoPath}/objects`, /^(tmp_objdir-|incoming-)/],
    [`${repoPath}/objects/pack`, /^(tmp_pack_|tmp_idx_|tmp_rev_|\.tmp-)/],
  ];
  for (const [folder, pattern] of folders)
    for (const name of (await readdir(folder)).filter((one) => pattern.test(one))) {
      const found = await stat(`${folder}/${name}`).catch(() => null);
      if (found && nowMs - found.mtimeMs > leftoverAgeMs)
        await rm(`${folder}/${name}`, { recursive: true, force: true });
    }
};

/**
 * Makes the bare repository when it is not there and points its HEAD at `branch`. Idempotent; two at once end
 * in the same state.
 * @throws AppError `unavailable` when git cannot make it
 */
export const ensureRepository = async (options: {
  repoPath: string;
  branch: string;
  signal?: AbortSignal;
  nowMs?: number;
}): Promise<void> => {
  const { repoPath, branch, signal } = options;
  const fail = (stderr: string) =>
    new AppError("unavailable", "the site's repository could not be prepared", { cause: plainLine(stderr) });
  const head = await Bun.file(`${repoPath}/HEAD`)
    .text()
    .catch(() => null);
  const wanted = `ref: refs/heads/${branch}`;
  if (head === null) {
    // Made beside its place and moved there: two at once must not write into one folder, and none is half made.
    const fresh = `${repoPath}.${crypto.randomUUID()}`;
    const made = await runGit({
      args: ["init", "--quiet", "--bare", "--template=", `--initial-branch=${branch}`, "--", fresh],
      deadlineMs: 15_000,
      signal,
    });
    if (made.exitCode !== 0) throw fail(made.stderr);
    await rename(fresh, repoPath).catch(async (error: NodeJS.ErrnoException) => {
      await rm(fresh, { recursive: true, force: true });
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw fail(error.message);
    });
  } else if (head.trim() !== wanted) {
    const moved = await runGit({
      args: ["symbolic-ref", "HEAD", `refs/heads/${branch}`],
      gitDir: repoPath,
      deadlineMs: 15_000,
      signal,
    });
    if (moved.exitCode !== 0) throw fail(moved.stderr);
  }
  await sweepLeftovers(repoPath, options.nowMs ?? Date.now());
};

/**
 * Packs the repository and forgets what no branch, tag or fetched source has reached for two weeks (or `unreachedFor`,
 * as git writes dates). Pushes and
 * fetches may run meanwhile. For a job at a quiet hour: nothing else ever packs.
 * @returns false when it did not finish within `deadlineMs` (default ten minutes); the repository is then as good as before
 */
export const tidyRepository = async (options: {
  repoPath: string;
  signal?: AbortSignal;
  deadlineMs?: number;
  unreachedFor?: string;
}): Promise<boolean> => {
  const { repoPath, signal } = options;
  if (!(await Bun.file(`${repoPath}/HEAD`).exists())) return true;
  await sweepLeftovers(repoPath, Date.now());
  const tidied = await runGit({
    args: ["gc", "--quiet", `--prune=${options.unreachedFor ?? "2.weeks"}.ago`],
    gitDir: repoPath,
    deadlineMs: options.deadlineMs ?? 600_000,
    maxFileBytes: 8 * GB,
    signal,
  });
  return tidied.ended === "exit" && tidied.exitCode === 0;
};
