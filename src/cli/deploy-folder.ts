import { existsSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DeploymentSummary, DeploymentView, SiteView } from "../domain/views.ts";
import { AppError } from "../errors.ts";
import type { Client } from "./client.ts";
import type { Context } from "./command.ts";
import { type GitConfig, type GitResult, runGit } from "./git.ts";
import { sitePath } from "./site-path.ts";

export interface FolderDeploy {
  slug: string;
  /** Relative to where the person stands. */
  dir: string;
  environment: string | undefined;
}

export interface PushedDeployment {
  deployment: DeploymentView;
  /** False when the connection broke while the push was showing the log. */
  logShown: boolean;
}

/** The hash that git gives a tree without entries, in every repository of SHA-1. */
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

const failed = (message: string): AppError => new AppError("deploy_failed", message);

/** Git has no better words for a key that was refused than that it could not ask for another. */
const lastWords = ({ stderr }: GitResult): string =>
  stderr
    .replace(/fatal: could not read Username .*/, "the API key was refused")
    .trim()
    .split("\n")
    .filter((line) => !line.startsWith("remote: ") || line.length > 8)
    .slice(-3)
    .join("; ");

/**
 * Makes a commit of a folder, whatever version control it has itself, in a repository that is thrown away, and
 * pushes it on top of what the site's branch holds: only what changed travels, and nobody's push is overwritten.
 * `.gitignore` and `.croftignore` say what stays behind.
 * @throws AppError `deploy_failed`, ApiError
 */
export const deployFolder = async (
  context: Pick<Context, "io">,
  client: Client,
  { slug, dir, environment }: FolderDeploy,
): Promise<PushedDeployment> => {
  const { io } = context;
  const folder = resolve(io.cwd, dir);
  const info = await stat(folder).catch(() => null);
  if (!info?.isDirectory()) throw failed(`${folder} is not a folder`);
  const site = await client.get<SiteView>(sitePath(slug, "", { environment }));
  const remote = `${client.url}/git/${encodeURIComponent(slug)}.git`;
  const ref = `refs/heads/${site.branch}`;

  const scratch = await mkdtemp(join(tmpdir(), "croft-deploy-"));
  try {
    const git = async (args: string[], config: GitConfig = [], onProgress?: (text: string) => void) =>
      runGit({
        args,
        cwd: folder,
        config,
        // Named .git, it is no part of the folder even when the temporary folder is inside.
        env: { GIT_DIR: join(scratch, ".git"), GIT_WORK_TREE: folder },
        signal: io.signal,
        onProgress,
      });
    const must = async (what: string, result: Promise<GitResult>): Promise<GitResult> => {
      const done = await result;
      if (done.exitCode !== 0) throw failed(`${what}: ${lastWords(done)}`);
      return done;
    };
    // Bound to this address, so that the key goes nowhere else, not even on a redirect.
    const auth: GitConfig = [
      ["credential.helper", ""],
      ["http.followRedirects", "false"],
      ["core.hooksPath", "/dev/null"],
      [`http.${client.url}/.extraHeader`, `Authorization: Basic ${btoa(`croft:${client.token ?? ""}`)}`],
    ];

    await must("the folder could not be prepared", git(["init", "--quiet", "--initial-branch=deploy"]));
    const heads = await must(
      "the site's repository did not answer",
      git(["ls-remote", "--", remote, ref], auth),
    );
    const parent = heads.stdout.split("\t")[0] || null;
    if (parent !== null)
      await must(
        "what is deployed now could not be fetched",
        git(["fetch", "--quiet", "--depth=1", "--no-tags", "--", remote, ref], auth),
      );

    const commit = await commitFolder({ git, must, folder, parent });
    io.err(`Pushing ${folder} to ${site.branch} of ${slug}\n`);
    const progress = io.isTerminal ? ["--progress"] : ["--quiet"];
    const pushed = await git(["push", ...progress, "--", remote, `${commit}:${ref}`], auth, io.err);
    const find = () => findDeployment(client, slug, environment, commit);
    if (pushed.exitCode === 0) {
      const deployment = await find();
      if (deployment) return { deployment, logShown: true };
      throw failed(
        "the push was accepted, but it deployed nothing; is automatic deployment switched off for this site?",
      );
    }
    if (brokenOff.test(pushed.stderr)) {
      io.err("croft: the connection broke; looking whether the push had been accepted\n");
      const deployment = await findAgain(find, io.signal);
      if (deployment) return { deployment, logShown: false };
    }
    throw failed(`the push was refused: ${lastWords(pushed)}`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

const commitFolder = async (options: {
  git(args: string[], config?: GitConfig): Promise<GitResult>;
  must(what: string, result: Promise<GitResult>): Promise<GitResult>;
  folder: string;
  parent: string | null;
}): Promise<string> => {
  const { git, must, folder, parent } = options;
  const ownIgnore = join(folder, ".croftignore");
  const config: GitConfig = [
    ...(existsSync(ownIgnore) ? ([["core.excludesFile", ownIgnore]] as const) : []),
    // What a person's git is set to do with commits is not meant for this one.
    ["core.autocrlf", "false"],
    ["core.safecrlf", "false"],
    ["advice.addEmbeddedRepo", "false"],
  ];
  await must("the folder could not be read", git(["add", "--all"], config));
  const tree = (await must("the folder could not be read", git(["write-tree"]))).stdout.trim();
  if (tree === emptyTree)
    throw failed(`${folder} holds no files to deploy (what .gitignore and .croftignore name stays behind)`);
  // Git knows its user by itself nearly everywhere; where it does not, the key tells who pushed anyway.
  const knowsUser = (await git(["var", "GIT_AUTHOR_IDENT"])).exitCode === 0;
  const identity: GitConfig = knowsUser
    ? []
    : [
        ["user.name", "croft deploy"],
        ["user.email", `croft@${hostname()}`],
      ];
  const message = `Deploy of ${basename(folder)}`;
  const args = ["commit-tree", tree, "-m", message, ...(parent === null ? [] : ["-p", parent])];
  return (await must("the folder could not be committed", git(args, identity))).stdout.trim();
};

/** Git's words for a connection that ended in the middle of the answer. */
const brokenOff = /unexpected disconnect|curl (?:18|52|56)\b|early EOF|the remote end hung up/i;

/** The push answers when its deployment is over, so it is among the newest. */
const findDeployment = async (
  client: Client,
  slug: string,
  environment: string | undefined,
  commit: string,
): Promise<DeploymentView | null> => {
  const path = sitePath(slug, "/deployments", { limit: 20, environment });
  const { items } = await client.get<{ items: DeploymentSummary[] }>(path);
  const found = items.find((one) => one.commit?.hash === commit);
  return found ? client.get<DeploymentView>(`/deployments/${found.id}`) : null;
};

/** For half a minute, in which a daemon that was restarted is back. */
const findAgain = async (
  find: () => Promise<DeploymentView | null>,
  signal: AbortSignal,
): Promise<DeploymentView | null> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await find();
    } catch (error) {
      if (attempt === 30 || signal.aborted) throw error;
    }
    await sleep(1000, undefined, { signal });
  }
};
