import type { VolumeStorageRecord } from "../../domain/disk.ts";
import type { EnvironmentRecord } from "../../domain/records.ts";
import type { SupervisorDeps } from "../deps.ts";

export interface VolumeUse {
  id: string;
  name: string;
  kind: VolumeStorageRecord["kind"];
  usedBytes: number;
  /** Null: bounded by the site's disk limit alone. */
  sizeBytes: number | null;
  /** Of a file system of its own, which keeps some of its size for itself; null for a folder. */
  freeBytes: number | null;
}

export interface DiskUse {
  /** Writable layers, logs and volumes together, of all replicas; or the release folder of a static site. */
  usedBytes: number;
  /** Of that, what commands in containers of their own have written outside of volumes. */
  ofRunsBytes: number;
  volumes: VolumeUse[];
}

/**
 * What an environment has on the disk. File systems of their own are asked, folders and layers are counted: at idle
 * priority, or at once when it is urgent.
 * @returns null when a part of it took too long to count: what is left would look like little
 */
export const measureDisk = async (
  deps: Pick<SupervisorDeps, "store" | "engine" | "paths" | "folderBytes" | "hardVolumes">,
  environment: EnvironmentRecord,
  { urgent = false }: { urgent?: boolean } = {},
): Promise<DiskUse | null> => {
  const release = environment.currentReleaseId
    ? await deps.store.releaseById(environment.currentReleaseId)
    : undefined;
  const storage = await deps.store.volumeStorageOf([environment.id]);
  const volumes: VolumeUse[] = [];
  for (const { id, name } of await deps.store.volumesOf(environment.id)) {
    const held = storage.get(id);
    const [kind, sizeBytes] = [held?.kind ?? "folder", held?.sizeBytes ?? null];
    if (kind === "loop") {
      const space = await deps.hardVolumes.space(id);
      // Not mounted, it takes what it took before.
      volumes.push({
        id,
        name,
        kind,
        sizeBytes,
        ...(space ?? { usedBytes: held?.usedBytes ?? 0, freeBytes: null }),
      });
      continue;
    }
    const usedBytes = await deps.folderBytes(deps.paths.volume(id), { urgent });
    if (usedBytes === null) return null;
    volumes.push({ id, name, kind, sizeBytes, usedBytes, freeBytes: null });
  }
  const ofVolumes = volumes.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
  if (release && release.imageId === null)
    return { usedBytes: ofVolumes + (release.sizeBytes ?? 0), ofRunsBytes: 0, volumes };
  const replicas = await deps.store.liveReplicasOf(environment.id);
  const containers = [...replicas, ...(await oneOffsOf(deps, environment.id))];
  const ofContainers = urgent
    ? await Promise.all(containers.map(({ id }) => deps.engine.diskUsage(id, { urgent })))
    : await oneByOne(containers, ({ id }) => deps.engine.diskUsage(id));
  const sumOf = (uses: typeof ofContainers): number =>
    uses.reduce((sum, use) => sum + (use ? use.writableBytes + use.logBytes : 0), 0);
  const ofRunsBytes = sumOf(ofContainers.slice(replicas.length));
  return {
    usedBytes: ofVolumes + sumOf(ofContainers.slice(0, replicas.length)) + ofRunsBytes,
    ofRunsBytes,
    volumes,
  };
};

/** Commands of the environment that run in containers of their own. */
export const oneOffsOf = async (
  deps: { store: Pick<SupervisorDeps["store"], "openRuns"> },
  environmentId: string,
): Promise<{ id: string }[]> =>
  (await deps.store.openRuns()).filter(
    (run) => run.environmentId === environmentId && run.replicaId === null,
  );

const oneByOne = async <T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> => {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
};
