import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { BackupDeps } from "./deps.ts";
import { backupsFolder, namesIn } from "./folder.ts";
import { readManifest } from "./manifest.ts";
import { verifiedAtMs } from "./verify-backup.ts";
import { type BackupView, viewOf } from "./view.ts";

const unknown: Omit<BackupView, "id" | "kind" | "path" | "bytes" | "createdAt" | "verifiedAt" | "state"> = {
  croftVersion: null,
  migrations: [],
  keyFingerprint: null,
  volumes: [],
  warnings: [],
  notes: [],
};

/**
 * All backups in the data directory, newest first. What lies on the disk counts; one that is only remembered is
 * shown as missing, and a folder without a whole manifest as damaged.
 */
export const listBackups = async (deps: Pick<BackupDeps, "dataDir" | "records">): Promise<BackupView[]> => {
  const folder = backupsFolder(deps.dataDir);
  const views: BackupView[] = [];
  for (const name of await namesIn(folder)) {
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    try {
      views.push(viewOf(path, await readManifest(path), await verifiedAtMs(path)));
    } catch {
      const info = await stat(path).catch(() => null);
      if (!info?.isDirectory()) continue;
      views.push({
        ...unknown,
        id: /bak_[0-9a-z]+$/.exec(name)?.[0] ?? name,
        kind: name.startsWith("pre-migration-") ? "pre-migration" : "manual",
        path,
        bytes: 0,
        createdAt: info.mtime.toISOString(),
        verifiedAt: null,
        state: "damaged",
      });
    }
  }
  const present = new Set(views.map((view) => view.id));
  for (const record of (await deps.records?.allBackups()) ?? [])
    if (!present.has(record.id))
      views.push({
        ...unknown,
        id: record.id,
        kind: record.kind,
        path: record.path,
        bytes: record.bytes,
        createdAt: new Date(record.createdAt).toISOString(),
        verifiedAt: record.verifiedAt === null ? null : new Date(record.verifiedAt).toISOString(),
        state: "missing",
      });
  return views.sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0));
};
