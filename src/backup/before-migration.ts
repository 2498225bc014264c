import { createBackup } from "./create-backup.ts";
import type { BackupDeps } from "./deps.ts";
import { pruneBackups } from "./prune-backups.ts";
import type { BackupView } from "./view.ts";

/**
 * Copies the database before its schema changes, into a backup of its own that `restoreBackup` can put back. To
 * be called once the instance is locked and before the first migration; the tables for records may not exist yet,
 * so it keeps none.
 * @throws AppError `unavailable` when the copy cannot be made: then the migration must not be made either
 */
export const snapshotBeforeMigration = async (deps: Omit<BackupDeps, "records">): Promise<BackupView> => {
  const view = await createBackup({ ...deps, records: undefined }, { kind: "pre-migration" });
  await pruneBackups({ ...deps, records: undefined });
  return view;
};
