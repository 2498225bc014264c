import type { Kysely } from "kysely";
import type { EdgeRulesRecord } from "../../domain/records.ts";
import type { Schema } from "../schema.ts";

export const edgeRulesQueries = (db: Kysely<Schema>) => ({
  /** Undefined when the environment has the defaults. */
  edgeRulesOf: (environmentId: string): Promise<EdgeRulesRecord | undefined> =>
    db.selectFrom("edgeRules").selectAll().where("environmentId", "=", environmentId).executeTakeFirst(),
  /** Of environments that have any; a small table, read whole for the route table. */
  allEdgeRules: (): Promise<EdgeRulesRecord[]> =>
    db.selectFrom("edgeRules").selectAll().orderBy("environmentId").execute(),
  putEdgeRules: async (record: EdgeRulesRecord): Promise<void> => {
    const { rules, updatedAt } = record;
    await db
      .insertInto("edgeRules")
      .values(record)
      .onConflict((conflict) => conflict.column("environmentId").doUpdateSet({ rules, updatedAt }))
      .execute();
  },
});
