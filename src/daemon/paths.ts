import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";

/** Everything below the data directory. */
export const dataPaths = (dataDir: string) => ({
  dataDir,
  database: join(dataDir, "croft.db"),
  masterKey: join(dataDir, "master.key"),
  setupToken: join(dataDir, "setup-token"),
  usage: join(dataDir, "usage"),
  run: join(dataDir, "run"),
  lock: join(dataDir, "run", "daemon.lock"),
  /** The edge's own folder; it belongs to the edge's user. */
  edge: join(dataDir, "run", "edge"),
  hooks: join(dataDir, "run", "hooks"),
  hookSocket: join(dataDir, "run", "hooks.sock"),
  panelSocket: join(dataDir, "run", "panel.sock"),
  backups: join(dataDir, "backups"),
  logs: join(dataDir, "logs"),
  edgeLog: join(dataDir, "logs", "edge.log"),
  siteLogs: join(dataDir, "logs", "sites"),
  repositories: join(dataDir, "repos"),
  workRoot: join(dataDir, "work"),
  repository: (siteId: string) => join(dataDir, "repos", `${siteId}.git`),
  work: (deploymentId: string) => join(dataDir, "work", deploymentId),
  staticRoot: join(dataDir, "static"),
  staticRelease: (releaseId: string) => join(dataDir, "static", releaseId),
  volumes: join(dataDir, "volumes"),
  /** Image files of volumes that are file systems of their own, mounted below `volumes`. */
  volumeImages: join(dataDir, "volume-images"),
  volume: (volumeId: string) => join(dataDir, "volumes", volumeId),
});

export type DataPaths = ReturnType<typeof dataPaths>;

/**
 * Makes the folders. Only what the edge must reach is open to other users, and no more than to pass through:
 * the data directory, `run` and the release folders of static sites.
 */
export const prepareDataDir = async (paths: DataPaths): Promise<void> => {
  for (const folder of [paths.dataDir, paths.run, paths.staticRoot]) {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o711);
  }
  for (const folder of [
    paths.usage,
    paths.backups,
    paths.logs,
    paths.repositories,
    paths.workRoot,
    paths.volumes,
    paths.volumeImages,
  ]) {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o700);
  }
};
