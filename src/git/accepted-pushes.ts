import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { resolveCommit } from "./commit.ts";

/** A push that was let in, whose deployment may not be in the queue yet. */
export interface AcceptedPush {
  branch: string;
  /** Full hash. */
  commit: string;
  /** Who pushed, for the deployment's record. */
  by: string;
}

const folderOf = (repoPath: string): string => join(repoPath, "croft-pushes");

/**
 * Between the moment a push is let in and the one its deployment is queued the branch moves. A daemon that is killed
 * in between would leave a branch that nobody deploys, and git tells whoever pushes again that all is up to date.
 */
export const noteAcceptedPush = async (repoPath: string, push: AcceptedPush): Promise<void> => {
  await mkdir(folderOf(repoPath), { recursive: true });
  await Bun.write(join(folderOf(repoPath), push.commit), JSON.stringify(push));
};

/** Its deployment is in the queue. */
export const forgetAcceptedPush = (repoPath: string, commit: string): Promise<void> =>
  rm(join(folderOf(repoPath), commit), { force: true });

/** The pushes noted and not forgotten whose branch did move, and is still there. Forgets all. */
export const takeAcceptedPushes = async (repoPath: string): Promise<AcceptedPush[]> => {
  const taken: AcceptedPush[] = [];
  for (const name of await readdir(folderOf(repoPath)).catch(() => [])) {
    const push = (await Bun.file(join(folderOf(repoPath), name))
      .json()
      .catch(() => null)) as AcceptedPush | null;
    // Cut short while it was written: then git had not been told to go on either.
    const head = push && (await resolveCommit({ repoPath, revision: { branch: push.branch } }));
    if (push && head?.hash === push.commit) taken.push(push);
  }
  await rm(folderOf(repoPath), { recursive: true, force: true });
  return taken;
};
