import { fetchError } from "./fetch-errors.ts";
import { fetchTarget, type FetchPolicy, type FetchTarget } from "./fetch-target.ts";
import { runRemote } from "./run-remote.ts";

export interface RemoteHeads {
  /** Branch that the repository itself points at; null when it names none (an empty repository). */
  head: string | null;
  branches: string[];
}

export const listHeads = async (target: FetchTarget, signal?: AbortSignal): Promise<RemoteHeads> => {
  const listed = await runRemote(
    target,
    (url) => ["ls-remote", "--symref", "--", url, "HEAD", "refs/heads/*"],
    { deadlineMs: 30_000, maxOutputBytes: 8 * 1024 * 1024, signal },
  );
  if (listed.exitCode !== 0) throw fetchError(listed, target);
  const heads: RemoteHeads = { head: null, branches: [] };
  for (const line of listed.stdout.split("\n")) {
    heads.head ??= /^ref: refs\/heads\/(.+)\tHEAD$/.exec(line)?.[1] ?? null;
    const branch = /^[0-9a-f]{40}\trefs\/heads\/(.+)$/.exec(line)?.[1];
    if (branch) heads.branches.push(branch);
  }
  return heads;
};

/**
 * The branches of a repository somewhere else and the one it points at, for a site that names none. Errors as
 * `fetchRepository`.
 */
export const listRemote = async (
  options: FetchPolicy & { url: string; signal?: AbortSignal },
): Promise<RemoteHeads> => listHeads(await fetchTarget(options.url, options, options.signal), options.signal);
