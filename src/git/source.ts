/** Where a deployment's files come from: an exact commit, out of a bare repository, fetched from elsewhere before. */
export {
  type AcceptedPush,
  forgetAcceptedPush,
  noteAcceptedPush,
  takeAcceptedPushes,
} from "./accepted-pushes.ts";
export { checkoutCommit } from "./checkout.ts";
export { type Commit, resolveCommit } from "./commit.ts";
export { fetchRepository } from "./fetch.ts";
export type { FetchPolicy } from "./fetch-target.ts";
export { listRemote, type RemoteHeads } from "./list-remote.ts";
export { tidyRepository } from "./repository.ts";
export { removeStaleLocks } from "./stale-locks.ts";
