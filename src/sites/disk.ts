import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { isoOrNull } from "../domain/deployment-view.ts";
import {
  type DiskKeepingRecord,
  type DiskView,
  leastLayerBytes,
  overshootSentence,
  type VolumeStorageRecord,
} from "../domain/disk.ts";
import type { EnvironmentRecord, SiteRecord, VolumeRecord } from "../domain/records.ts";
import { formatBytes } from "../domain/size.ts";
import { invalid } from "../errors.ts";
import type { SiteDeps } from "./deps.ts";

/** Bytes of the limit that volumes with file systems of their own have for themselves. */
export const hardVolumeBytes = (
  volumes: readonly VolumeRecord[],
  storage: ReadonlyMap<string, VolumeStorageRecord>,
): number =>
  volumes.reduce((sum, { id }) => {
    const held = storage.get(id);
    return sum + (held?.kind === "loop" ? (held.sizeBytes ?? 0) : 0);
  }, 0);

/** How an environment's disk limit is held on this server. */
export const diskView = (
  environment: EnvironmentRecord,
  volumes: readonly VolumeRecord[],
  storage: ReadonlyMap<string, VolumeStorageRecord>,
  keeping: DiskKeepingRecord | undefined,
  layerQuota: boolean,
): DiskView => {
  const layer = keeping?.readOnlyRoot === 1 ? "read-only" : layerQuota ? "quota" : "measured";
  const folders = volumes.filter(({ id }) => storage.get(id)?.kind !== "loop");
  const enforcement = layer === "measured" || folders.length > 0 ? "measured" : "hard";
  return {
    usedBytes: environment.diskUsedBytes,
    measuredAt: isoOrNull(environment.diskMeasuredAt),
    enforcement,
    layer,
    detail:
      enforcement === "hard"
        ? "hard: writes beyond it are refused by the kernel"
        : layer === "measured"
          ? overshootSentence
          : `${folders.map(({ name }) => name).join(", ")} is ${overshootSentence}`,
  };
};

export const showDisk = async (
  deps: Pick<SiteDeps, "store" | "layerQuota">,
  environment: EnvironmentRecord,
): Promise<DiskView> => {
  const { id } = environment;
  const storage = await deps.store.volumeStorageOf([id]);
  const keeping = (await deps.store.diskKeepingOf([id])).get(id);
  return diskView(environment, await deps.store.volumesOf(id), storage, keeping, deps.layerQuota());
};

/** @throws AppError `invalid_input` when volumes that are file systems of their own would not fit in any more */
export const checkDiskLimit = async (
  deps: Pick<SiteDeps, "store">,
  environmentId: string,
  diskBytes: number,
): Promise<void> => {
  const storage = await deps.store.volumeStorageOf([environmentId]);
  const least = hardVolumeBytes(await deps.store.volumesOf(environmentId), storage) + leastLayerBytes;
  if (storage.size > 0 && diskBytes < least)
    throw invalid(
      "diskBytes",
      `must be at least ${formatBytes(least)}: the volumes have a size of their own`,
    );
};

/** Containers of the environment that start from now on cannot write outside of volumes and /tmp, or can again. */
export const setReadOnlyRoot = async (
  deps: SiteDeps,
  actor: Actor,
  site: SiteRecord,
  environment: EnvironmentRecord,
  readOnly: boolean,
): Promise<void> => {
  const before = (await deps.store.diskKeepingOf([environment.id])).get(environment.id)?.readOnlyRoot === 1;
  if (before === readOnly) return;
  await deps.store.transaction(async (queries) => {
    await queries.changeDiskKeeping(environment.id, { readOnlyRoot: readOnly ? 1 : 0 });
    const change = { before: { readOnlyRoot: before }, after: { readOnlyRoot: readOnly } };
    const object = { type: "site", id: site.id };
    await queries.insertAudit(auditEntry(actor, "site.change", object, change, deps.clock.nowMs()));
  });
};
