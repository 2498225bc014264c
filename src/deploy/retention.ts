import type { DeployDeps } from "./deps.ts";
import { discardRelease } from "./steps/release.ts";

/** Keeps the newest releases that can be rolled back to; images and folders of the rest go, their facts stay. */
export const retireOldReleases = async (deps: DeployDeps, environmentId: string): Promise<void> => {
  const environment = await deps.store.environmentById(environmentId);
  const kept = (await deps.store.releasesOf(environmentId)).filter((release) => release.retiredAt === null);
  const surplus = kept
    .filter((release) => release.id !== environment?.currentReleaseId)
    .slice((await deps.releasesKept()) - 1);
  for (const release of surplus)
    await discardRelease(deps, release).catch((error) =>
      deps.log.warn("an old release could not be removed; it is tried again with the next deployment", {
        release: release.id,
        error,
      }),
    );
};
