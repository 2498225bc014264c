import type { Kysely } from "kysely";
import type { BandwidthUsedUpRecord, PauseRecord, TrafficSplitRecord } from "../../domain/records.ts";
import type { Schema } from "../schema.ts";

/** Small tables, with a row only where something is out of the ordinary. */
export const trafficQueries = (db: Kysely<Schema>) => ({
  pausesOf: (environmentIds: string[]): Promise<PauseRecord[]> =>
    db.selectFrom("pauses").selectAll().where("environmentId", "in", environmentIds).execute(),
  allPauses: (): Promise<PauseRecord[]> =>
    db.selectFrom("pauses").selectAll().orderBy("environmentId").execute(),
  putPause: async (pause: PauseRecord): Promise<void> => {
    const { environmentId: _, ...rest } = pause;
    await db
      .insertInto("pauses")
      .values(pause)
      .onConflict((conflict) => conflict.column("environmentId").doUpdateSet(rest))
      .execute();
  },
  /** @returns false when it was not paused */
  deletePause: async (environmentId: string): Promise<boolean> => {
    const { numDeletedRows } = await db
      .deleteFrom("pauses")
      .where("environmentId", "=", environmentId)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  },
  /** @returns false when it was ended, or begun anew, meanwhile */
  endPause: async (pause: PauseRecord): Promise<boolean> => {
    const { numDeletedRows } = await db
      .deleteFrom("pauses")
      .where("environmentId", "=", pause.environmentId)
      .where("resumesAt", "=", pause.resumesAt)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  },

  trafficSplitsOf: (environmentIds: string[]): Promise<TrafficSplitRecord[]> =>
    db.selectFrom("trafficSplits").selectAll().where("environmentId", "in", environmentIds).execute(),
  allTrafficSplits: (): Promise<TrafficSplitRecord[]> =>
    db.selectFrom("trafficSplits").selectAll().orderBy("environmentId").execute(),
  putTrafficSplit: async (split: TrafficSplitRecord): Promise<void> => {
    const { shares, updatedAt } = split;
    await db
      .insertInto("trafficSplits")
      .values(split)
      .onConflict((conflict) => conflict.column("environmentId").doUpdateSet({ shares, updatedAt }))
      .execute();
  },
  deleteTrafficSplit: async (environmentId: string): Promise<boolean> => {
    const { numDeletedRows } = await db
      .deleteFrom("trafficSplits")
      .where("environmentId", "=", environmentId)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  },

  bandwidthUsedUpOf: (environmentIds: string[]): Promise<BandwidthUsedUpRecord[]> =>
    db.selectFrom("bandwidthUsedUp").selectAll().where("environmentId", "in", environmentIds).execute(),
  allBandwidthUsedUp: (): Promise<BandwidthUsedUpRecord[]> =>
    db.selectFrom("bandwidthUsedUp").selectAll().orderBy("environmentId").execute(),
  /** Keeps what is there. @returns false when it was noticed before */
  noteBandwidthUsedUp: async (record: BandwidthUsedUpRecord): Promise<boolean> => {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto("bandwidthUsedUp")
      .values(record)
      .onConflict((conflict) => conflict.column("environmentId").doNothing())
      .executeTakeFirst();
    return (numInsertedOrUpdatedRows ?? 0n) > 0n;
  },
  forgetBandwidthUsedUp: async (environmentId: string): Promise<void> => {
    await db.deleteFrom("bandwidthUsedUp").where("environmentId", "=", environmentId).execute();
  },
});
