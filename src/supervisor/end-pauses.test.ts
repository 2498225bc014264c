import { expect, test } from "bun:test";
import { createStore } from "../db/store.ts";
import { silentLog } from "../domain/log.ts";
import { longestPauseMs } from "../domain/traffic.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { seedSite } from "../testing/seed.ts";
import { temporaryDatabase } from "../testing/temporary-database.ts";
import { endPauses } from "./end-pauses.ts";

test("pauses end by themselves, the next one in time", async () => {
  const database = await temporaryDatabase();
  try {
    const store = createStore(database.db);
    const clock = fakeClock();
    const deps = { store, clock, log: silentLog };
    expect(await endPauses(deps)).toBeNull();
    const nowMs = clock.nowMs();
    const ids = [await seedSite(store), await seedSite(store)].map(({ environment }) => environment.id);
    for (const [i, environmentId] of ids.entries())
      await store.putPause({
        environmentId,
        pausedAt: nowMs,
        resumesAt: nowMs + 1000 * (i + 1),
        maxWaitMs: 1,
      });
    expect(await endPauses(deps)).toBe(nowMs + 1000);
    clock.advance(1000);
    expect(await endPauses(deps)).toBe(nowMs + 2000);
    expect((await store.allPauses()).map(({ environmentId }) => environmentId)).toEqual([ids[1]!]);
    clock.advance(5000);
    expect(await endPauses(deps)).toBeNull();
    expect(await store.allPauses()).toEqual([]);
  } finally {
    await database.close();
  }
});

test("a clock that is set back does not make a pause longer", async () => {
  const database = await temporaryDatabase();
  try {
    const store = createStore(database.db);
    const clock = fakeClock();
    const deps = { store, clock, log: silentLog };
    const nowMs = clock.nowMs();
    const { environment } = await seedSite(store);
    const pause = { environmentId: environment.id, pausedAt: nowMs, maxWaitMs: 1 };
    await store.putPause({ ...pause, resumesAt: nowMs + longestPauseMs + 30_000 });
    expect(await endPauses(deps)).toBe(nowMs + longestPauseMs + 30_000);
    await store.putPause({ ...pause, resumesAt: nowMs + 24 * 3_600_000 });
    expect(await endPauses(deps)).toBeNull();
    expect(await store.allPauses()).toEqual([]);
  } finally {
    await database.close();
  }
});
