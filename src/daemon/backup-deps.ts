import { acquireInstanceLock } from "../db/instance-lock.ts";
import { backupQueries } from "../db/queries/backups.ts";
import type { Db } from "../db/open.ts";
import { createBackup } from "../backup/create-backup.ts";
import type { BackupDeps } from "../backup/deps.ts";
import { listBackups } from "../backup/list-backups.ts";
import { pruneBackups } from "../backup/prune-backups.ts";
import { verifyBackup } from "../backup/verify-backup.ts";
import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import { openMasterKey } from "../identity/master-key.ts";
import type { Job } from "../jobs/schedule.ts";
import type { OpenData } from "./open-data.ts";
import type { DataPaths } from "./paths.ts";

interface BackupWiring {
  paths: DataPaths;
  clock: Clock;
  log: Log;
  version: string;
}

/** What the verbs of backup need, with or without the database open. */
export const backupFeatureDeps = ({ paths, clock, log, version }: BackupWiring, db?: Db): BackupDeps => ({
  dataDir: paths.dataDir,
  clock,
  log,
  version,
  acquireLock: acquireInstanceLock,
  keyFingerprint: () =>
    openMasterKey(paths.masterKey, { create: false }).then(
      (key) => key.fingerprint,
      () => null,
    ),
  records: db && backupQueries(db),
});

/** Backups for API, panel and clock. */
export const backupDeps = (wiring: BackupWiring, { db, store }: OpenData) => {
  const deps = backupFeatureDeps(wiring, db);
  const audited = (actor: Actor, action: string, id: string): Promise<void> =>
    store.insertAudit(auditEntry(actor, action, { type: "backup", id }, {}, wiring.clock.nowMs()));
  const create = async (actor: Actor) => {
    const backup = await createBackup(deps, { kind: "manual" });
    await audited(actor, "backup.create", backup.id);
    return backup;
  };
  const automatic: Job = {
    name: "daily backup",
    when: "0 20 2 * * *",
    run: async (signal) => {
      await createBackup(deps, { kind: "automatic", signal });
      await pruneBackups(deps);
    },
  };
  return {
    listBackups: () => listBackups(deps),
    createBackup: create,
    verifyBackup: (which: string) => verifyBackup(deps, which),
    jobs: [automatic],
  };
};
