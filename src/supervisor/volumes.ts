import { chmod, mkdir } from "node:fs/promises";
import type { VolumeStorageRecord } from "../domain/disk.ts";
import { layerBytes, logFileBytes } from "../domain/disk.ts";
import type { ReplicaDisk } from "../domain/engine.ts";
import { newId } from "../domain/id.ts";
import type { EnvironmentRecord, VolumeRecord } from "../domain/records.ts";
import { AppError, publicMessageOf } from "../errors.ts";
import type { SupervisorDeps } from "./deps.ts";

type Deps = Pick<SupervisorDeps, "store" | "hardVolumes" | "paths" | "clock" | "log">;

/**
 * Sees to it that what an environment's volumes lie on is there and mounted. To be called before any of its
 * containers starts: without it an app would find an empty folder where its data was.
 * @throws AppError `deploy_failed` with the reason
 */
export const ensureVolumes = async (deps: Deps, environmentId: string): Promise<VolumeRecord[]> => {
  const volumes = await deps.store.volumesOf(environmentId);
  const storage = await deps.store.volumeStorageOf([environmentId]);
  for (const volume of volumes) {
    const held = storage.get(volume.id);
    if (held?.kind === "loop") {
      await mount(deps, held, { name: volume.name, environmentId });
      continue;
    }
    const folder = deps.paths.volume(volume.id);
    // Apps run as whatever user their image says; nobody else gets through the folder above.
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o777);
  }
  return volumes;
};

const mount = async (
  deps: Deps,
  held: VolumeStorageRecord,
  { name, environmentId }: { name: string; environmentId: string | null },
): Promise<void> => {
  const open = (await deps.store.openEvents("volume.failed")).find((event) =>
    event.details.includes(held.volumeId),
  );
  try {
    await deps.hardVolumes.ensureMounted(held);
    if (open) await deps.store.endEvent(open.id, deps.clock.nowMs());
  } catch (cause) {
    const message = `volume ${name} cannot be used: ${publicMessageOf(cause)}`;
    deps.log.error("a volume cannot be mounted", { volume: held.volumeId, error: cause });
    if (!open) {
      const at = deps.clock.nowMs();
      await deps.store.insertEvent({
        ...{ id: newId("evt", at), at, kind: "volume.failed", severity: "critical", environmentId, message },
        details: JSON.stringify({ volume: held.volumeId, name }),
        endedAt: null,
      });
    }
    throw new AppError("deploy_failed", message, { cause });
  }
};

/** Mounts the volumes of all sites, also of those that are stopped or deleted: backups read them. Goes on past failures. */
export const mountAllVolumes = async (deps: Deps): Promise<void> => {
  await deps.hardVolumes
    .tidy()
    .catch((error) => deps.log.warn("half-made volumes were not removed", { error }));
  for (const held of await deps.store.allVolumeStorage())
    if (held.kind === "loop")
      await mount(deps, held, { name: held.volumeId, environmentId: null }).catch(() => {});
};

/** What one of an environment's containers may leave on the disk, of so many. */
export const replicaDiskOf = async (
  deps: Pick<SupervisorDeps, "store" | "engine">,
  environment: EnvironmentRecord,
  replicas: number,
): Promise<ReplicaDisk> => {
  const { id, diskBytes } = environment;
  const volumes = await deps.store.volumesOf(id);
  const storage = await deps.store.volumeStorageOf([id]);
  const hard = [...storage.values()].filter(({ kind }) => kind === "loop");
  const readOnlyRoot = (await deps.store.diskKeepingOf([id])).get(id)?.readOnlyRoot === 1;
  const { layerQuota } = await deps.engine.diskFacts();
  const allHard = hard.length === volumes.length && (layerQuota || readOnlyRoot);
  const count = Math.max(1, replicas);
  return {
    layerBytes: layerBytes(
      diskBytes,
      hard.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0),
      count,
    ),
    logFileBytes: logFileBytes(diskBytes, count),
    longestFileBytes: allHard ? null : diskBytes,
    readOnlyRoot,
  };
};

/** After a change of the disk limit: what runs may write files as long as what starts from now on. */
export const changeLongestFile = async (
  deps: Pick<SupervisorDeps, "store" | "engine" | "log">,
  environmentId: string,
): Promise<void> => {
  const environment = await deps.store.environmentById(environmentId);
  if (!environment) return;
  const { longestFileBytes } = await replicaDiskOf(deps, environment, 1);
  if (longestFileBytes === null) return;
  for (const { id } of await deps.store.liveReplicasOf(environmentId))
    if (!(await deps.engine.setLongestFile(id, longestFileBytes)))
      deps.log.warn("longer files can be written once the site is restarted", { replica: id });
};
