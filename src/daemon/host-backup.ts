import { migrations } from "../../migrations/index.ts";
import { readSettings } from "../config.ts";
import { restoreBackup, type RestoreOptions } from "../backup/restore-backup.ts";
import { listBackups } from "../backup/list-backups.ts";
import { verifyBackup } from "../backup/verify-backup.ts";
import { openDatabase } from "../db/open.ts";
import { releaseQueries } from "../db/queries/releases.ts";
import { createDockerEngine } from "../docker/docker-engine.ts";
import { systemClock } from "../domain/clock.ts";
import { silentLog, stderrLog } from "../domain/log.ts";
import { version } from "../version.ts";
import { backupFeatureDeps } from "./backup-deps.ts";
import { dataPaths } from "./paths.ts";

const stopGraceSeconds = 10;

/** Backup commands that work on the host's files, without a daemon. */
export const hostBackup = (env: Record<string, string | undefined>) => {
  const settings = readSettings(env);
  const paths = dataPaths(settings.dataDir);
  const deps = backupFeatureDeps({ paths, clock: systemClock, log: stderrLog, version });
  return {
    list: () => listBackups(deps),
    verify: (which: string) => verifyBackup(deps, which),
    restore: (options: RestoreOptions) =>
      restoreBackup(
        {
          ...deps,
          instanceLockPath: paths.lock,
          knownMigrations: Object.keys(migrations),
          stopSites: () => stopSites(settings.dockerHost, paths.database),
        },
        options,
      ),
  };
};

export type HostBackup = ReturnType<typeof hostBackup>;

/**
 * Stops the replicas that this installation's database knows; another Croft may share the engine. Without an
 * engine nothing runs, and without a readable database nobody can tell which are its own.
 */
const stopSites = async (dockerHost: string, database: string): Promise<void> => {
  const engine = createDockerEngine({ dockerHost, log: silentLog, clock: systemClock, hostFirewall: false });
  // Opening would create it.
  if (!(await Bun.file(database).exists())) return;
  try {
    const { db, raw } = openDatabase(database);
    const replicas = await releaseQueries(db).liveReplicas();
    await db.destroy();
    // Kysely leaves statements open; a connection that closes by itself later would take the restored WAL along.
    raw.close(true);
    await Promise.all(replicas.map((replica) => engine.stopReplica(replica.id, stopGraceSeconds)));
  } catch (error) {
    stderrLog.warn("running sites could not be stopped before the restore; stop their containers by hand", {
      error,
    });
  }
};
