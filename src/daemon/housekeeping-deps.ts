import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Store } from "../db/store.ts";
import type { DeployDeps } from "../deploy/deps.ts";
import { sweepImages } from "../deploy/sweep.ts";
import { folderBytes } from "../docker/folder-bytes.ts";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import { createHousekeeping } from "../housekeeping/housekeeping.ts";
import type { Job } from "../jobs/schedule.ts";
import { retentionOf } from "../retention/settings.ts";
import type { DataPaths } from "./paths.ts";

/** On a disk that fills, layers for the next build go early. */
const lowShare = 0.2;
/** Longer than any build runs: what one is made of must not go while it is made. */
const keptWhenLowSeconds = 30 * 60;

/** What takes the disk, and tidying up. */
export const housekeepingDeps = (wiring: {
  store: Store;
  deploy: DeployDeps;
  paths: DataPaths;
  clock: Clock;
  log: Log;
}) => {
  const { store, deploy, paths, clock, log } = wiring;
  const disk = async () => {
    const { bavail, blocks, bsize } = await statfs(paths.dataDir);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  };
  const housekeeping = createHousekeeping({
    store,
    clock,
    log,
    imagesOnDisk: deploy.engine.imagesOnDisk,
    buildNetwork: deploy.buildNetwork.name,
    tagState: async (tag) => {
      // Several installations can share an engine: only ids that are rows here are ours.
      const deployment = await store.deploymentById(tag.split(":")[1] ?? "");
      if (!deployment) return "foreign";
      return (await store.imageTagInUse(tag)) ? "kept" : "leftover";
    },
    bytesOf: async (path) => (existsSync(path) ? folderBytes(path) : 0),
    paths: {
      volume: paths.volume,
      volumes: paths.volumes,
      repositories: paths.repositories,
      staticRoot: paths.staticRoot,
      siteLogs: paths.siteLogs,
      accessLogs: join(paths.edge, "access-log"),
      backups: paths.backups,
      database: [paths.database, `${paths.database}-wal`, paths.usage],
      logOf: (environmentId) => join(paths.siteLogs, environmentId),
    },
    disk,
    pruneBuildCache: (seconds) => deploy.engine.pruneBuildCache(deploy.buildNetwork.name, seconds),
    buildCacheSeconds: async () => {
      const { freeBytes, totalBytes } = await disk();
      if (freeBytes < totalBytes * lowShare) return keptWhenLowSeconds;
      return (await retentionOf(store)).buildCacheDays * 24 * 3600;
    },
    sweepImages: () => sweepImages(deploy),
  });
  const job: Job = {
    name: "housekeeping",
    when: "20 */10 * * * *",
    run: async () => {
      if (deploy.engineUp()) await housekeeping.tidy();
    },
  };
  return { housekeeping, job };
};
