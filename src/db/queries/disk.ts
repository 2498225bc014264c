import type { Kysely } from "kysely";
import type { DiskKeepingRecord, VolumeStorageRecord } from "../../domain/disk.ts";
import type { Schema } from "../schema.ts";

/** How disks of environments are held; each by its primary key. */
export const diskQueries = (db: Kysely<Schema>) => ({
  insertVolumeStorage: async (storage: VolumeStorageRecord): Promise<void> => {
    await db.insertInto("volumeStorage").values(storage).execute();
  },
  updateVolumeStorage: async (volumeId: string, patch: Partial<VolumeStorageRecord>): Promise<void> => {
    await db.updateTable("volumeStorage").set(patch).where("volumeId", "=", volumeId).execute();
  },
  /** Of many environments at once, by volume. Index of the volumes' unique (environment, name). */
  volumeStorageOf: async (environmentIds: string[]): Promise<Map<string, VolumeStorageRecord>> => {
    if (environmentIds.length === 0) return new Map();
    const rows = await db
      .selectFrom("volumeStorage")
      .innerJoin("volumes", "volumes.id", "volumeStorage.volumeId")
      .selectAll("volumeStorage")
      .where("volumes.environmentId", "in", environmentIds)
      .execute();
    return new Map(rows.map((row) => [row.volumeId, row]));
  },
  /** Of deleted sites, too: their volumes stay. */
  allVolumeStorage: (): Promise<VolumeStorageRecord[]> =>
    db.selectFrom("volumeStorage").selectAll().orderBy("volumeId").execute(),
  diskKeepingOf: async (environmentIds: string[]): Promise<Map<string, DiskKeepingRecord>> => {
    if (environmentIds.length === 0) return new Map();
    const rows = await db
      .selectFrom("diskKeeping")
      .selectAll()
      .where("environmentId", "in", environmentIds)
      .execute();
    return new Map(rows.map((row) => [row.environmentId, row]));
  },
  changeDiskKeeping: async (
    environmentId: string,
    patch: Partial<Omit<DiskKeepingRecord, "environmentId">>,
  ): Promise<void> => {
    await db
      .insertInto("diskKeeping")
      .values({
        environmentId,
        readOnlyRoot: 0,
        stops: 0,
        stoppedAt: null,
        stoppedLimitBytes: null,
        ...patch,
      })
      .onConflict((conflict) => conflict.column("environmentId").doUpdateSet({ environmentId, ...patch }))
      .execute();
  },
});
