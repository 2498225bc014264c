import { createHash } from "node:crypto";
import { readdir, rm, stat } from "node:fs/promises";
import { branchSchema } from "../domain/site.ts";
import { formatBytes, GB } from "../domain/size.ts";
import { AppError, invalid } from "../errors.ts";
import { resolveCommit, type Commit } from "./commit.ts";
import { fetchError, isUnknownBranch, isUnknownCommit } from "./fetch-errors.ts";
import { fetchTarget, type FetchPolicy, type FetchTarget } from "./fetch-target.ts";
import type { GitConfig } from "./git-env.ts";
import { listHeads } from "./list-remote.ts";
import { plainLine } from "./plain-line.ts";
import { ensureRepository, tidyRepository } from "./repository.ts";
import { assertRepositoryRoom } from "./repository-size.ts";
import type { GitResult } from "./run-git.ts";
import { runRemote } from "./run-remote.ts";

const defaultDeadlineMs = 120_000;
const watchIntervalMs = 250;
/** How far back an exact commit is looked for when the server does not hand it out by its hash. */
const branchDepth = 500;

/** Everything into packs: a pack is one file, which the file size limit of the kernel bounds. */
const config: GitConfig[] = [
  ["fetch.unpackLimit", "1"],
  ["fetch.recurseSubmodules", "false"],
];

const packedBytes = async (folder: string): Promise<number> => {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(names.map((name) => stat(`${folder}/${name}`).catch(() => null)));
  return sizes.reduce((sum, found) => sum + (found?.size ?? 0), 0);
};

/** Watches how much a fetch adds to the repository, and aborts `exceeded` once that reaches `maxBytes`. */
const watchGrowth = async (repoPath: string, maxBytes: number) => {
  const packs = `${repoPath}/objects/pack`;
  const before = await packedBytes(packs);
  const controller = new AbortController();
  const check = async () => {
    if ((await packedBytes(packs)) - before >= maxBytes) controller.abort();
  };
  const timer = setInterval(check, watchIntervalMs);
  return { exceeded: controller.signal, check, [Symbol.dispose]: () => clearInterval(timer) };
};

const removePartialPacks = async (repoPath: string): Promise<void> => {
  const packs = `${repoPath}/objects/pack`;
  for (const name of await readdir(packs).catch(() => []))
    if (/^(tmp_|\.tmp-)/.test(name)) await rm(`${packs}/${name}`, { force: true });
};

const unknownBranch = async (
  target: FetchTarget,
  branch: string,
  signal?: AbortSignal,
): Promise<AppError> => {
  const { head, branches } = await listHeads(target, signal);
  if (branches.length === 0)
    return new AppError(
      "deploy_failed",
      `${target.url} has no branches: nothing was pushed to it yet, or it is no git repository`,
    );
  // The branch that the repository points at comes first, since it is the one most likely meant.
  const sorted = branches.toSorted((a, b) => Number(b === head) - Number(a === head));
  const shown = sorted.slice(0, 8).map(plainLine).join(", ") + (sorted.length > 8 ? ", …" : "");
  return new AppError(
    "deploy_failed",
    `branch ${plainLine(branch)} was not found; the repository has: ${shown}`,
  );
};

/**
 * Fetches one branch's head, or one exact commit of it, over HTTPS into the bare repository, as shallow as the
 * server allows. One call at a time per repository.
 *
 * Git gets the address as an argument after `--` and is held to https, to the address checked beforehand, to
 * `deadlineMs` and to `maxBytes` (default 1 GB) of growth; no redirects, no credentials, no submodules.
 * @returns the commit, now in the repository
 * @throws AppError `invalid_input` naming the field, `forbidden` for an address that is not public, `too_large`,
 *   `unavailable` when the host does not answer in time, `deploy_failed` for all else (no such repository, branch or
 *   commit, private, certificate); the signal's reason when aborted
 */
export const fetchRepository = async (
  options: FetchPolicy & {
    repoPath: string;
    url: string;
    branch: string;
    /** Full hash; null or absent for the branch's head. */
    commit?: string | null;
    signal?: AbortSignal;
    maxBytes?: number;
    /** Default 2 GB. */
    maxRepositoryBytes?: number;
    /** Default two minutes. */
    deadlineMs?: number;
  },
): Promise<Commit> => {
  const { repoPath, branch, signal } = options;
  const commit = options.commit ?? null;
  const maxBytes = options.maxBytes ?? GB;
  const checked = branchSchema.safeParse(branch);
  if (!checked.success) throw invalid("branch", checked.error.issues[0]!.message);
  if (commit !== null && !/^[0-9a-f]{40}$/.test(commit))
    throw invalid("commit", "must be a full hash of 40 hexadecimal digits");
  const target = await fetchTarget(options.url, options, signal);
  await ensureRepository({ repoPath, branch, signal });
  const known = commit ? await resolveCommit({ repoPath, revision: { commit }, signal }) : null;
  if (known) return known;
  const room = { repoPath, maxBytes: options.maxRepositoryBytes, signal };
  await assertRepositoryRoom(room).catch(async () => {
    // Fetched sources replace one another: what the last ones left can go before its time.
    await tidyRepository({ repoPath, unreachedFor: "1.hour", deadlineMs: defaultDeadlineMs, signal });
    await assertRepositoryRoom(room);
  });

  // Own namespace, hidden from clients of the git remote. Hashed: a branch name may be too long for a file's,
  // and `a` and `a/b` cannot exist side by side.
  const ref = `refs/croft/fetched/${createHash("sha256").update(branch).digest("hex").slice(0, 32)}`;
  using growth = await watchGrowth(repoPath, maxBytes);
  const fetch = (source: string, depth: number): Promise<GitResult> => {
    const flags = ["--quiet", "--no-tags", "--force", "--no-write-fetch-head", "--no-auto-maintenance"];
    return runRemote(
      { ...target, config: [...target.config, ...config] },
      (url) => ["fetch", ...flags, `--depth=${depth}`, "--", url, `+${source}:${ref}`],
      {
        gitDir: repoPath,
        deadlineMs: options.deadlineMs ?? defaultDeadlineMs,
        maxFileBytes: maxBytes,
        signal: signal ? AbortSignal.any([signal, growth.exceeded]) : growth.exceeded,
      },
    );
  };

  try {
    const head = `refs/heads/${branch}`;
    let result = await fetch(commit ?? head, 1);
    if (commit && result.exitCode !== 0 && isUnknownCommit(result.stderr))
      result = await fetch(head, branchDepth);
    if (result.exitCode !== 0 && isUnknownBranch(result.stderr))
      throw await unknownBranch(target, branch, signal);
    if (result.exitCode !== 0) throw fetchError(result, target);
  } catch (error) {
    // The kernel's file size limit may have ended git between two looks, and git only says that a pack was invalid.
    await growth.check();
    await removePartialPacks(repoPath);
    signal?.throwIfAborted();
    if (!growth.exceeded.aborted) throw error;
    throw new AppError("too_large", `the repository ${target.url} is larger than ${formatBytes(maxBytes)}`);
  }
  const found = await resolveCommit({ repoPath, revision: commit ? { commit } : { ref }, signal });
  if (!found)
    throw new AppError("deploy_failed", `commit ${commit} was not found on branch ${plainLine(branch)}`);
  return found;
};
