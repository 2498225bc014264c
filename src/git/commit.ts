import { AppError } from "../errors.ts";
import { plainLine } from "./plain-line.ts";
import { runGit } from "./run-git.ts";

export interface Commit {
  /** Full hash, 40 hexadecimal digits. */
  hash: string;
  /** Whole message, without control characters other than line breaks; at most 2,000 characters. */
  message: string;
  author: string;
}

const messageLimit = 2000;
const fullHash = /^[0-9a-f]{40}$/;

/**
 * A commit of the repository by full hash, by an abbreviation of at least seven digits, or the head of a branch.
 * @returns null when the repository has none such (or is not there at all)
 */
export const resolveCommit = async (options: {
  repoPath: string;
  revision: { commit: string } | { branch: string } | { ref: string };
  signal?: AbortSignal;
}): Promise<Commit | null> => {
  const { revision, repoPath, signal } = options;
  // Nothing but a hash is ever parsed as a revision expression; names travel inside a full ref.
  if ("commit" in revision && !/^[0-9a-f]{7,40}$/.test(revision.commit)) return null;
  const name =
    "commit" in revision
      ? revision.commit
      : "ref" in revision
        ? revision.ref
        : `refs/heads/${revision.branch}`;
  const at = { gitDir: repoPath, deadlineMs: 15_000, signal };
  if (!(await Bun.file(`${repoPath}/HEAD`).exists())) return null;
  const parsed = await runGit({
    ...at,
    args: ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`],
  });
  const hash = parsed.stdout.trim();
  if (parsed.exitCode !== 0 || !fullHash.test(hash)) return null;
  const shown = await runGit({
    ...at,
    args: ["log", "-1", "--no-show-signature", "--no-color", "--format=%an%x00%B", hash, "--"],
    config: [["i18n.logOutputEncoding", "UTF-8"]],
  });
  const split = shown.stdout.indexOf("\0");
  if (shown.exitCode !== 0 || split < 0)
    throw new AppError("deploy_failed", `commit ${hash} could not be read`, {
      cause: plainLine(shown.stderr),
    });
  const message = shown.stdout
    .slice(split + 1, split + 1 + 2 * messageLimit)
    .split("\n")
    .map(plainLine)
    .join("\n")
    .trim()
    .slice(0, messageLimit);
  return { hash, message, author: plainLine(shown.stdout.slice(0, split)).slice(0, 200) };
};
