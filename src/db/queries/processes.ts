import { type Kysely, sql } from "kysely";
import type { ProcessRecord, RollingRestartRecord } from "../../domain/process.ts";
import type { Schema } from "../schema.ts";

/** What people set of processes, and restarts under way. */
export const processQueries = (db: Kysely<Schema>) => ({
  /** By the primary key. */
  processesOf: (environmentId: string): Promise<ProcessRecord[]> =>
    db
      .selectFrom("processes")
      .selectAll()
      .where("environmentId", "=", environmentId)
      .orderBy("name")
      .execute(),
  allProcesses: (): Promise<ProcessRecord[]> =>
    db.selectFrom("processes").selectAll().orderBy("environmentId").orderBy("name").execute(),
  putProcess: async (process: ProcessRecord): Promise<void> => {
    const { environmentId: _e, name: _n, ...rest } = process;
    await db
      .insertInto("processes")
      .values(process)
      .onConflict((conflict) => conflict.columns(["environmentId", "name"]).doUpdateSet(rest))
      .execute();
  },
  /** @returns false when there is none */
  deleteProcess: async (environmentId: string, name: string): Promise<boolean> => {
    const { numDeletedRows } = await db
      .deleteFrom("processes")
      .where("environmentId", "=", environmentId)
      .where("name", "=", name)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  },

  /** Environments whose current release answers no visitors. */
  environmentsWithoutWeb: async (): Promise<Set<string>> => {
    const { rows } = await sql<{ id: string }>`
      SELECT environments.id FROM environments JOIN releases ON releases.id = environments.current_release_id
      WHERE json_extract(releases.config, '$.hasWeb') = 0`.execute(db);
    return new Set(rows.map(({ id }) => id));
  },

  rollingRestarts: (): Promise<RollingRestartRecord[]> =>
    db.selectFrom("rollingRestarts").selectAll().orderBy("environmentId").execute(),
  putRollingRestart: async (restart: RollingRestartRecord): Promise<void> => {
    await db
      .insertInto("rollingRestarts")
      .values(restart)
      .onConflict((conflict) => conflict.column("environmentId").doUpdateSet({ askedAt: restart.askedAt }))
      .execute();
  },
  /** Ends it, unless it was asked for anew meanwhile. */
  endRollingRestart: async ({ environmentId, askedAt }: RollingRestartRecord): Promise<void> => {
    await db
      .deleteFrom("rollingRestarts")
      .where("environmentId", "=", environmentId)
      .where("askedAt", "=", askedAt)
      .execute();
  },
});
