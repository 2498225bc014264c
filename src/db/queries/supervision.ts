import type { Kysely } from "kysely";
import type { CpuBurstRecord, ReplicaExitRecord, RestorePriorityRecord } from "../../domain/supervision.ts";
import type { Schema } from "../schema.ts";

/** Small tables about how sites are kept running; all by their primary keys. */
export const supervisionQueries = (db: Kysely<Schema>) => ({
  allRestorePriorities: (): Promise<RestorePriorityRecord[]> =>
    db.selectFrom("restorePriorities").selectAll().execute(),
  restorePrioritiesOf: (siteIds: string[]): Promise<RestorePriorityRecord[]> =>
    db.selectFrom("restorePriorities").selectAll().where("siteId", "in", siteIds).execute(),
  putRestorePriority: async (row: RestorePriorityRecord): Promise<void> => {
    await db
      .insertInto("restorePriorities")
      .values(row)
      .onConflict((conflict) => conflict.column("siteId").doUpdateSet({ priority: row.priority }))
      .execute();
  },

  allCpuBursts: (): Promise<CpuBurstRecord[]> => db.selectFrom("cpuBursts").selectAll().execute(),
  cpuBurstOf: (environmentId: string): Promise<CpuBurstRecord | undefined> =>
    db.selectFrom("cpuBursts").selectAll().where("environmentId", "=", environmentId).executeTakeFirst(),
  cpuBurstsOf: (environmentIds: string[]): Promise<CpuBurstRecord[]> =>
    db.selectFrom("cpuBursts").selectAll().where("environmentId", "in", environmentIds).execute(),
  putCpuBurst: async (row: CpuBurstRecord): Promise<void> => {
    await db
      .insertInto("cpuBursts")
      .values(row)
      .onConflict((conflict) => conflict.column("environmentId").doNothing())
      .execute();
  },
  deleteCpuBurst: async (environmentId: string): Promise<void> => {
    await db.deleteFrom("cpuBursts").where("environmentId", "=", environmentId).execute();
  },

  putReplicaExit: async (exit: ReplicaExitRecord): Promise<void> => {
    const { replicaId: _, ...rest } = exit;
    await db
      .insertInto("replicaExits")
      .values(exit)
      .onConflict((conflict) => conflict.column("replicaId").doUpdateSet(rest))
      .execute();
  },
  replicaExitsOf: (replicaIds: string[]): Promise<ReplicaExitRecord[]> =>
    db.selectFrom("replicaExits").selectAll().where("replicaId", "in", replicaIds).execute(),
});
