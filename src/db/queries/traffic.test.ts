import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrations } from "../../../migrations/index.ts";
import { seedSite } from "../../testing/seed.ts";
import { migrate } from "../migrator.ts";
import { openDatabase } from "../open.ts";
import { createStore } from "../store.ts";

test("the migration keeps what is there; pauses, splits and used up bandwidth go with their environment", async () => {
  const dir = await mkdtemp(join(tmpdir(), "croft-traffic-"));
  const { db, raw } = openDatabase(join(dir, "croft.db"));
  try {
    const before = Object.entries(migrations).filter(([name]) => name < "0006");
    await migrate(db, Object.fromEntries(before));
    const store = createStore(db);
    const { environment } = await seedSite(store);
    const rows = raw.query("SELECT * FROM environments").all();
    expect(await migrate(db)).toContain("0006_traffic");
    expect(raw.query("SELECT * FROM environments").all()).toEqual(rows);

    const environmentId = environment.id;
    const pause = { environmentId, pausedAt: 1, resumesAt: 2, maxWaitMs: 30_000 };
    await store.putPause(pause);
    await store.putPause({ ...pause, resumesAt: 3 });
    expect(await store.allPauses()).toEqual([{ ...pause, resumesAt: 3 }]);
    // One that was begun anew is not ended by who meant the old one.
    expect(await store.endPause(pause)).toBe(false);
    expect(await store.deletePause(environmentId)).toBe(true);
    expect(await store.deletePause(environmentId)).toBe(false);
    await store.putPause(pause);

    const split = { environmentId, shares: "[]", updatedAt: 1 };
    await store.putTrafficSplit(split);
    await store.putTrafficSplit({ ...split, updatedAt: 2 });
    expect(await store.trafficSplitsOf([environmentId])).toEqual([{ ...split, updatedAt: 2 }]);

    expect(await store.noteBandwidthUsedUp({ environmentId, since: 5 })).toBe(true);
    expect(await store.noteBandwidthUsedUp({ environmentId, since: 6 })).toBe(false);
    expect(await store.bandwidthUsedUpOf([environmentId])).toEqual([{ environmentId, since: 5 }]);

    raw.query("DELETE FROM environments WHERE id = ?").run(environmentId);
    expect(await store.allPauses()).toEqual([]);
    expect(await store.allTrafficSplits()).toEqual([]);
    expect(await store.allBandwidthUsedUp()).toEqual([]);
  } finally {
    await db.destroy();
    await rm(dir, { recursive: true, force: true });
  }
});
