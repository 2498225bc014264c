import { expect, test } from "bun:test";
import { createStore } from "../db/store.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { seedSite } from "../testing/seed.ts";
import { temporaryDatabase } from "../testing/temporary-database.ts";
import { noteBandwidth } from "./note-bandwidth.ts";

test("used up bandwidth is noted once, and forgotten with the month or a higher limit", async () => {
  const database = await temporaryDatabase();
  try {
    const store = createStore(database.db);
    const { environment } = await seedSite(store, { environment: { bandwidthBytesPerMonth: 1000 } });
    const { id } = environment;
    const said: string[] = [];
    const silent = () => {};
    let usedBytes = 999;
    const clock = fakeClock();
    const deps = {
      store,
      clock,
      log: { debug: silent, info: silent, error: silent, warn: (message: string) => void said.push(message) },
      monthMeters: async () => ({
        epoch: "first",
        endsAtMs: 0,
        beganAt: new Map(),
        usedBytes: new Map([[id, usedBytes]]),
      }),
    };
    const since = async () => (await store.bandwidthUsedUpOf([id]))[0]?.since;
    await noteBandwidth(deps);
    expect(await since()).toBeUndefined();
    usedBytes = 1000;
    const noticedAt = clock.nowMs();
    await noteBandwidth(deps);
    clock.advance(1000);
    await noteBandwidth(deps);
    expect(await since()).toBe(noticedAt);
    expect(said).toHaveLength(1);
    await noteBandwidth({ ...deps, monthMeters: async () => null });
    expect(await since()).toBe(noticedAt);
    usedBytes = 0;
    await noteBandwidth(deps);
    expect(await since()).toBeUndefined();
    const acts = database.raw.query("SELECT action, actor_kind FROM audit_log").values();
    expect(acts).toEqual([["site.bandwidth_used_up", "system"]]);
  } finally {
    await database.close();
  }
});
