import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Store } from "../db/store.ts";
import type { Deployments } from "../deploy/deployments.ts";
import { systemActor } from "../domain/actor.ts";
import type { Log } from "../domain/log.ts";
import { removeStaleLocks, takeAcceptedPushes } from "../git/source.ts";
import type { DataPaths } from "./paths.ts";

/**
 * What an earlier daemon, or a power cut, left half done in the git repositories. To be run before anything else
 * works on them.
 */
export const mendRepositories = async (deps: {
  log: Log;
  paths: DataPaths;
  store: Store;
  deployments: Deployments;
}): Promise<void> => {
  const { log, paths, store, deployments } = deps;
  for (const name of await readdir(paths.repositories)) {
    const locks = await removeStaleLocks(join(paths.repositories, name));
    if (locks.length > 0) log.warn("removed git's left-over locks", { locks });
  }
  for (const environment of await store.liveEnvironments())
    for (const push of await takeAcceptedPushes(paths.repository(environment.siteId))) {
      if (push.branch !== environment.branch || (await wasQueued(store, environment.id, push.commit)))
        continue;
      log.info("deploying a push that a restart interrupted", {
        site: environment.slug,
        commit: push.commit,
      });
      await deployments.start(systemActor(`push by ${push.by}`), environment, "push", {
        source: "push",
        branch: push.branch,
        commit: push.commit,
      });
    }
};

const wasQueued = async (store: Store, environmentId: string, commit: string): Promise<boolean> =>
  (await store.deploymentsOf(environmentId, 1, null)).some((newest) => newest.commitHash === commit);
