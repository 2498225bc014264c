import { isRedirect } from "./fetch-errors.ts";
import type { FetchTarget } from "./fetch-target.ts";
import { runGit, type GitResult, type RunGit } from "./run-git.ts";

/**
 * Runs a git command that speaks to a remote, held to the target's checked address. Redirects are never followed;
 * but hosts that redirect `…/repo` to `…/repo.git` (GitLab does) are asked once more under that name.
 */
export const runRemote = async (
  target: FetchTarget,
  args: (url: string) => readonly string[],
  options: Omit<RunGit, "args" | "config">,
): Promise<GitResult> => {
  const first = await runGit({ ...options, args: args(target.url), config: target.config });
  if (first.exitCode === 0 || !isRedirect(first.stderr) || target.url.endsWith(".git")) return first;
  const suffixed = `${target.url.replace(/\/+$/, "")}.git`;
  const second = await runGit({ ...options, args: args(suffixed), config: target.config });
  return second.exitCode === 0 ? second : first;
};
