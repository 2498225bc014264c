/** Where a deployment's files come from: an exact commit, out of a bare repository, fetched from elsewhere before. */
export { checkoutCommit } from "./checkout.ts";
export { resolveCommit, type Commit } from "./commit.ts";
export { fetchRepository } from "./fetch.ts";
export type { FetchPolicy, Lookup } from "./fetch-target.ts";
export { listRemote, type RemoteHeads } from "./list-remote.ts";
export { ensureRepository } from "./repository.ts";
