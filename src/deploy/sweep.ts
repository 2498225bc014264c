import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isTerminal } from "../domain/deployment.ts";
import type { DeployDeps } from "./deps.ts";
import { removeUnusedImage } from "./steps/release.ts";

/**
 * Removes images that a crash, or an engine that went away, left behind: tagged for a deployment of this
 * installation that has ended without a release that is kept. An image still in use by a container stays.
 * @throws AppError `engine_unavailable`
 */
export const sweepImages = async (deps: DeployDeps): Promise<void> => {
  for (const tag of await deps.engine.siteImageTags()) {
    // Several installations can share an engine: only ids that are rows here are ours.
    const deployment = await deps.store.deploymentById(tag.split(":")[1] ?? "");
    if (!deployment || !isTerminal(deployment.status)) continue;
    await removeUnusedImage(deps, tag).catch((error) =>
      deps.log.warn("a left-over image could not be removed", { tag, error }),
    );
  }
};

/** Removes folders of static releases that are not kept, or never were. Only while no deployment runs. */
export const sweepFolders = async (deps: DeployDeps): Promise<void> => {
  const { staticRoot } = deps.paths;
  for (const id of await readdir(staticRoot).catch(() => [])) {
    const release = await deps.store.releaseById(id);
    if (!release || release.retiredAt !== null)
      await rm(join(staticRoot, id), { recursive: true, force: true });
  }
};
