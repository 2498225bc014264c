import { lstat, mkdir, readdir, readlink, realpath, rm, unlink } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { formatBytes, GB } from "../domain/size.ts";
import { AppError } from "../errors.ts";
import { resolveCommit, type Commit } from "./commit.ts";
import { plainLine } from "./plain-line.ts";
import { runGit } from "./run-git.ts";

const maxFiles = 200_000;
const listingBytes = 32 * 1024 * 1024;

interface Listing {
  bytes: number;
  links: string[];
  submodules: string[];
}

/** What a commit would unfold to, known before anything is written: a few hundred bytes can describe billions of files. */
const listTree = async (repoPath: string, hash: string, signal?: AbortSignal): Promise<Listing> => {
  const listed = await runGit({
    args: ["ls-tree", "-r", "-z", "--long", "--full-tree", hash],
    gitDir: repoPath,
    deadlineMs: 30_000,
    maxOutputBytes: listingBytes,
    signal,
  });
  if (listed.ended !== "exit")
    throw new AppError("deploy_failed", `the commit has more than ${maxFiles.toLocaleString("en")} files`);
  if (listed.exitCode !== 0)
    throw new AppError("deploy_failed", "the commit could not be read; its repository is damaged", {
      cause: plainLine(listed.stderr),
    });
  const listing: Listing = { bytes: 0, links: [], submodules: [] };
  const entries = listed.stdout.split("\0").filter(Boolean);
  if (entries.length > maxFiles)
    throw new AppError("deploy_failed", `the commit has more than ${maxFiles.toLocaleString("en")} files`);
  for (const entry of entries) {
    const tab = entry.indexOf("\t");
    const [mode, , , size] = entry.slice(0, tab).split(/ +/);
    const path = entry.slice(tab + 1);
    if (mode === "120000") {
      // What cannot be decoded cannot be named to the checks below, and would pass them.
      if (path.includes("\ufffd"))
        throw new AppError("deploy_failed", `the name of the link ${plainLine(path)} is not valid UTF-8`);
      listing.links.push(path);
    }
    if (mode === "160000") listing.submodules.push(path);
    listing.bytes += Number(size) || 0;
  }
  return listing;
};

/** Whether a link, followed to its end, stays below `root`. A dangling one is judged by where it would lead. */
const staysInside = async (root: string, link: string): Promise<boolean> => {
  const target = await readlink(link);
  if (target.includes("\ufffd")) return false; // not decodable: nobody knows where it leads
  const parts = target.split("/");
  let reached = isAbsolute(target) ? "/" : await realpath(dirname(link));
  while (parts.length > 0) {
    const next = await realpath(join(reached, parts[0]!)).catch(() => null);
    if (next === null) break;
    reached = next;
    parts.shift();
  }
  const end = resolve(reached, ...parts);
  return end === root || end.startsWith(root + sep);
};

const removeEscapingLinks = async (root: string, links: string[]): Promise<string[]> => {
  const escaping: string[] = [];
  for (const link of links) {
    const path = join(root, link);
    const found = await lstat(path).catch(() => null);
    if (found?.isSymbolicLink() && !(await staysInside(root, path))) escaping.push(path);
  }
  for (const path of escaping) await unlink(path);
  return escaping.map((path) => relative(root, path));
};

const some = (paths: string[]): string =>
  paths.slice(0, 5).map(plainLine).join(", ") + (paths.length > 5 ? ", …" : "");

/**
 * Writes the files of exactly one commit into `targetDir`, which must be empty or not exist yet. No hooks, no
 * filters (so no LFS download), no submodules, no `.git`. Links that lead out of the folder are left out, so that
 * whoever reads the folder later may follow links. On failure the folder is removed.
 * @returns the commit, and sentences about what was left out
 * @throws AppError `not_found` for an unknown commit, `too_large` past `maxBytes` (default 2 GB),
 *   `deploy_failed` when it cannot be written; the signal's reason when aborted
 */
export const checkoutCommit = async (options: {
  repoPath: string;
  commit: string;
  targetDir: string;
  signal?: AbortSignal;
  maxBytes?: number;
}): Promise<Commit & { notes: string[] }> => {
  const { repoPath, targetDir, signal } = options;
  const maxBytes = options.maxBytes ?? 2 * GB;
  const commit = await resolveCommit({ repoPath, revision: { commit: options.commit }, signal });
  if (!commit) throw new AppError("not_found", `commit ${plainLine(options.commit)} was not found`);
  const listing = await listTree(repoPath, commit.hash, signal);
  if (listing.bytes > maxBytes)
    throw new AppError(
      "too_large",
      `the commit unfolds to ${formatBytes(listing.bytes)}; at most ${formatBytes(maxBytes)} are allowed`,
    );
  await mkdir(targetDir, { recursive: true });
  if ((await readdir(targetDir)).length > 0)
    throw new AppError("internal", "the checkout folder is not empty");
  const root = await realpath(targetDir);
  const index = `${root}.index`;
  try {
    const written = await runGit({
      args: ["read-tree", "-u", "--reset", commit.hash],
      gitDir: repoPath,
      env: { GIT_WORK_TREE: root, GIT_INDEX_FILE: index },
      deadlineMs: 120_000,
      maxFileBytes: maxBytes,
      signal,
    });
    if (written.ended === "deadline")
      throw new AppError("deploy_failed", "the commit's files could not be written within 2 minutes");
    if (written.exitCode !== 0)
      throw new AppError(
        "deploy_failed",
        `the commit's files could not be written: ${plainLine(written.stderr.trim().split("\n").at(-1) ?? "")}`,
      );
    const escaping = await removeEscapingLinks(root, listing.links);
    const notes: string[] = [];
    if (escaping.length > 0)
      notes.push(`links that lead out of the repository were left out: ${some(escaping)}`);
    if (listing.submodules.length > 0)
      notes.push(`submodules are not fetched, their folders are empty: ${some(listing.submodules)}`);
    return { ...commit, notes };
  } catch (error) {
    await rm(root, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(index, { force: true });
    await rm(`${index}.lock`, { force: true });
  }
};
