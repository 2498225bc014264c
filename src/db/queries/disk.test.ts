import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrations } from "../../../migrations/index.ts";
import type { VolumeStorageRecord } from "../../domain/disk.ts";
import { seedSite } from "../../testing/seed.ts";
import { migrate } from "../migrator.ts";
import { openDatabase } from "../open.ts";
import { createStore } from "../store.ts";

test("volumes from before stay as they are, folders without a size; what is noted goes with volume and environment", async () => {
  const dir = await mkdtemp(join(tmpdir(), "croft-disk-"));
  const { db, raw } = openDatabase(join(dir, "croft.db"));
  try {
    const before = Object.entries(migrations).filter(([name]) => name < "0008");
    await migrate(db, Object.fromEntries(before));
    const store = createStore(db);
    const { environment } = await seedSite(store);
    const volume = {
      id: "vol_1",
      environmentId: environment.id,
      name: "data",
      mountPath: "/data",
      createdAt: 0,
    };
    await store.insertVolume(volume);
    expect(await migrate(db)).toContain("0008_disk");
    expect(await store.volumesOf(environment.id)).toEqual([volume]);
    expect(await store.volumeStorageOf([environment.id])).toEqual(new Map());

    const held: VolumeStorageRecord = {
      ...{ volumeId: "vol_1", kind: "loop", fileSystem: "ext4" },
      ...{ sizeBytes: 5, usedBytes: null, measuredAt: null },
    };
    // A file system has a size, and a folder is none.
    for (const wrong of [{ sizeBytes: null }, { fileSystem: null }, { kind: "folder" as const }])
      await expect(store.insertVolumeStorage({ ...held, ...wrong })).rejects.toThrow("CHECK");
    await store.insertVolumeStorage(held);
    await store.updateVolumeStorage("vol_1", { usedBytes: 3, measuredAt: 7 });
    expect(await store.allVolumeStorage()).toEqual([{ ...held, usedBytes: 3, measuredAt: 7 }]);
    await store.deleteVolume("vol_1");
    expect(await store.allVolumeStorage()).toEqual([]);

    const keeping = async () => (await store.diskKeepingOf([environment.id])).get(environment.id);
    await store.changeDiskKeeping(environment.id, { readOnlyRoot: 1 });
    await store.changeDiskKeeping(environment.id, { stops: 2, stoppedAt: 9 });
    expect(await keeping()).toMatchObject({
      readOnlyRoot: 1,
      stops: 2,
      stoppedAt: 9,
      stoppedLimitBytes: null,
    });
    raw.query("DELETE FROM environments WHERE id = ?").run(environment.id);
    expect(await keeping()).toBeUndefined();
  } finally {
    await db.destroy();
    await rm(dir, { recursive: true, force: true });
  }
});
