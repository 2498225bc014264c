import type { Database } from "bun:sqlite";
import { snapshotBeforeMigration } from "../backup/before-migration.ts";
import { finishInterruptedRestore } from "../backup/swap.ts";
import { acquireInstanceLock } from "../db/instance-lock.ts";
import { migrate, pendingMigrations } from "../db/migrator.ts";
import { type Db, openDatabase } from "../db/open.ts";
import { createStore, type Store } from "../db/store.ts";
import { type Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import { checkMasterKey, openMasterKey } from "../identity/master-key.ts";
import { createSecretBox, type SecretBox } from "../identity/secret-box.ts";
import { backupFeatureDeps } from "./backup-deps.ts";
import { type DataPaths, prepareDataDir } from "./paths.ts";

export interface OpenData {
  db: Db;
  raw: Database;
  store: Store;
  secretBox: SecretBox;
  keyFingerprint: string;
  close(): Promise<void>;
}

/**
 * Takes the data directory for this process, opens the database, brings its schema up to date (with a snapshot
 * before) and opens the master key that belongs to it.
 * @throws AppError `conflict` when another daemon uses the directory, `unavailable` for a key that does not fit
 */
export const openData = async (
  paths: DataPaths,
  deps: { clock: Clock; log: Log; version: string },
): Promise<OpenData> => {
  await prepareDataDir(paths);
  const lock = acquireInstanceLock(paths.lock);
  try {
    const finished = await finishInterruptedRestore(paths.dataDir);
    if (finished) deps.log.warn("a restore that was cut short is now complete", { ...finished });
    const { db, raw } = openDatabase(paths.database);
    const isNew = raw.query("SELECT 1 FROM sqlite_schema LIMIT 1").get() === null;
    const pending = await pendingMigrations(db);
    if (pending.length > 0 && !isNew) {
      const snapshot = await snapshotBeforeMigration(backupFeatureDeps({ ...deps, paths }));
      deps.log.info("database copied before its migration", { pending, path: snapshot.path });
    }
    const done = await migrate(db);
    if (done.length > 0) deps.log.info("database migrated", { migrations: done });
    const store = createStore(db);
    // A start that was cut short before the key was noted down is still a new installation.
    const keyIsNew = (await store.setting("master_key_fingerprint")) === null;
    const master = await openMasterKey(paths.masterKey, { create: keyIsNew });
    await checkMasterKey(store, master, deps.clock.nowMs());
    return {
      db,
      raw,
      store,
      secretBox: createSecretBox(master),
      keyFingerprint: master.fingerprint,
      close: async () => {
        await db.destroy();
        raw.close(true);
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
};
