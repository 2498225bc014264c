import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BackupDeps } from "./deps.ts";
import { lockBackups } from "./folder.ts";
import { listBackups } from "./list-backups.ts";
import type { BackupKind } from "./manifest.ts";

/** How many of each kind are kept; those that a person made stay until a person removes them. */
export const defaultKept: Partial<Record<BackupKind, number>> = { automatic: 14, "pre-migration": 5 };

/**
 * Removes the oldest backups of a kind beyond the number to keep. Damaged ones neither count nor go: somebody
 * should look at them.
 * @returns ids of those removed
 */
export const pruneBackups = async (
  deps: Pick<BackupDeps, "dataDir" | "acquireLock" | "records">,
  kept: Partial<Record<BackupKind, number>> = defaultKept,
): Promise<string[]> => {
  const lock = lockBackups(deps);
  try {
    const removed: string[] = [];
    const whole = (await listBackups({ dataDir: deps.dataDir })).filter((view) => view.state === "whole");
    for (const [kind, number] of Object.entries(kept)) {
      const ofKind = whole.filter((one) => one.kind === kind);
      for (const view of ofKind.slice(number)) {
        // Out of sight first: a removal that is cut short must not leave half a backup under its name.
        const gone = join(dirname(view.path), `.${view.id}.removed`);
        await rename(view.path, gone);
        await rm(gone, { recursive: true, force: true });
        await deps.records?.deleteBackup(view.id);
        removed.push(view.id);
      }
      // A restored database remembers backups that were removed since; older than all that are kept, none is missed.
      const oldest = ofKind.slice(0, number).at(-1)?.createdAt;
      for (const record of (await deps.records?.allBackups()) ?? [])
        if (record.kind === kind && oldest !== undefined && record.createdAt < Date.parse(oldest))
          await deps.records?.deleteBackup(record.id);
    }
    return removed;
  } finally {
    lock.release();
  }
};
