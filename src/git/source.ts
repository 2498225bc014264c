import { checkoutCommit } from "./checkout.ts";
import { resolveCommit, type Commit } from "./commit.ts";
import { fetchRepository } from "./fetch.ts";
import type { FetchPolicy } from "./fetch-target.ts";
import { listRemote, type RemoteHeads } from "./list-remote.ts";

export { checkoutCommit, fetchRepository, listRemote, resolveCommit };
export type { Commit, FetchPolicy, RemoteHeads };

/** Where a deployment's files come from: an exact commit, out of a bare repository, fetched from elsewhere before. */
export interface GitSource {
  /** Brings the head of `branch`, or exactly `commit`, into the bare repository. @returns its hash */
  fetchRepository(input: {
    repoPath: string;
    url: string;
    branch: string;
    commit: string | null;
    signal: AbortSignal;
  }): Promise<string>;
  /** Head of a branch in the bare repository, null when there is none. */
  branchHead(repoPath: string, branch: string): Promise<string | null>;
  checkoutCommit: typeof checkoutCommit;
  resolveCommit: typeof resolveCommit;
  /** Branches of a repository elsewhere. */
  listRemote(url: string, signal?: AbortSignal): Promise<RemoteHeads>;
}

/** The functions of this folder under one policy of what may be fetched. */
export const gitSource = (policy: FetchPolicy): GitSource => ({
  fetchRepository: async (input) => (await fetchRepository({ ...policy, ...input })).hash,
  branchHead: async (repoPath, branch) =>
    (await resolveCommit({ repoPath, revision: { branch } }))?.hash ?? null,
  checkoutCommit,
  resolveCommit,
  listRemote: (url, signal) => listRemote({ ...policy, url, signal }),
});
