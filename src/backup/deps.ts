import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import type { BackupRecord } from "../domain/records.ts";

/** What a backup holds besides files: rows about it, so that one that vanished from the disk is missed. */
export interface BackupRecords {
  insertBackup(record: BackupRecord): Promise<void>;
  deleteBackup(id: string): Promise<void>;
  markBackupVerified(id: string, atMs: number): Promise<void>;
  allBackups(): Promise<BackupRecord[]>;
}

export interface BackupDeps {
  dataDir: string;
  clock: Clock;
  log: Log;
  /** Of this program. */
  version: string;
  /** Holds a lock file for this process; throws AppError `conflict` with the message when another has it. */
  acquireLock(path: string, message: string): { release(): void };
  /** Fingerprint of the present master key; null when there is none. */
  keyFingerprint(): Promise<string | null>;
  /** Absent where the database is not open, as for a command on a stopped host. */
  records?: BackupRecords;
}
