import { mkdir, rm } from "node:fs/promises";
import { formatBytes } from "../../domain/size.ts";
import { AppError } from "../../errors.ts";
import type { DeployDeps } from "../deps.ts";
import type { Job } from "../job.ts";

/** Lays out the exact commit in the deployment's work folder. @returns that folder */
export const fetchSource = async (deps: DeployDeps, job: Job): Promise<string> => {
  const { deployment, site, journal, signal } = job;
  const repoPath = deps.paths.repository(site.id);
  const targetDir = deps.paths.work(deployment.id);
  await rm(targetDir, { recursive: true, force: true });
  await mkdir(targetDir, { recursive: true, mode: 0o700 });
  const branch = deployment.branch ?? job.environment.branch;
  let commit = deployment.commitHash;
  if (deployment.source === "repository") {
    if (!site.repositoryUrl) throw new AppError("deploy_failed", "the site has no repository URL any more");
    journal.write("fetch", `fetching ${commit ?? branch} from ${site.repositoryUrl}`);
    commit = await deps.source.fetchRepository({ repoPath, url: site.repositoryUrl, branch, commit, signal });
  }
  if (commit === null) throw new AppError("deploy_failed", `branch ${branch} has no commit yet`);
  const facts = await deps.source.checkoutCommit({ repoPath, commit, targetDir, signal });
  await deps.store.patchDeployment(deployment.id, {
    commitHash: facts.hash,
    commitMessage: facts.message.slice(0, 2000),
    commitAuthor: facts.author.slice(0, 200),
  });
  const subject = facts.message.split("\n")[0] ?? "";
  journal.write("fetch", `commit ${facts.hash.slice(0, 10)} by ${facts.author}: ${subject}`);
  for (const note of facts.notes) journal.write("fetch", note, "warning");
  return targetDir;
};

/** Refuses a static folder that is over the environment's disk limit before it is laid out. */
export const assertFits = (bytes: number, limitBytes: number): void => {
  if (bytes > limitBytes)
    throw new AppError(
      "deploy_failed",
      `the folder holds ${formatBytes(bytes)}, more than the disk limit of ${formatBytes(limitBytes)}`,
    );
};
