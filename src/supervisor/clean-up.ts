import { rm } from "node:fs/promises";
import type { SiteRecord, VolumeRecord } from "../domain/records.ts";
import type { SupervisorDeps } from "./deps.ts";
import { forEachSite } from "./for-each-site.ts";
import { removeReplicas } from "./launch-replica.ts";
import { networkOf } from "./networks.ts";

/** Removes what deleted sites left, by our own records. Each part is idempotent, so a failed pass is done again. */
export const cleanUpDeletedSites = async (deps: SupervisorDeps): Promise<void> => {
  await forEachSite(deps, await deps.store.sitesToClean(), async (site) => {
    await cleanUp(deps, site);
    await deps.store.markSiteCleaned(site.id, deps.clock.nowMs());
    deps.log.info("site removed", { site: site.slug, volumes: site.deleteVolumes === 1 });
  });
};

const cleanUp = async (deps: SupervisorDeps, site: SiteRecord): Promise<void> => {
  const environments = await deps.store.environmentsOfSite(site.id);
  const ids = new Set(environments.map((environment) => environment.id));
  for (const deployment of await deps.store.openDeployments())
    if (ids.has(deployment.environmentId)) await deps.cancelDeployment(deployment.id);
  for (const environment of environments) {
    const replicas = await deps.store.liveReplicasOf(environment.id);
    await removeReplicas(
      deps,
      replicas.map((replica) => replica.id),
      deps.stopGraceSeconds,
    );
    await deps.removeLog(environment.id);
    if (environment.networkSlot !== null)
      await deps.engine.removeNetwork(networkOf(deps.networkPool, environment).name);
    for (const release of await deps.store.releasesOf(environment.id)) {
      if (release.retiredAt !== null) continue;
      await deps.store.retireRelease(release.id, deps.clock.nowMs());
      if (release.imageTag) await deps.engine.removeImage(release.imageTag);
      else await rm(deps.paths.staticRelease(release.id), { recursive: true, force: true });
    }
    for (const volume of await deps.store.volumesOf(environment.id)) {
      // The engine's name for it goes either way; the data only when told.
      await deps.engine.removeVolume(`croft-${volume.id}`);
      if (site.deleteVolumes === 1) await removeVolumeData(deps, volume);
    }
  }
  await rm(deps.paths.repository(site.id), { recursive: true, force: true });
};

/** Removes a volume from the engine and its data from the disk. */
export const removeVolumeData = async (
  deps: Pick<SupervisorDeps, "engine" | "hardVolumes" | "paths" | "store" | "removeFolder">,
  volume: VolumeRecord,
): Promise<void> => {
  await deps.engine.removeVolume(`croft-${volume.id}`);
  await deps.hardVolumes.remove(volume.id);
  await deps.removeFolder(deps.paths.volume(volume.id));
  await deps.store.deleteVolume(volume.id);
};
