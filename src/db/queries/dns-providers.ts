import type { Kysely } from "kysely";
import type { DnsProviderRecord } from "../../domain/records.ts";
import type { Schema } from "../schema.ts";

/** Where TXT records can be put; a handful, one per zone. */
export const dnsProviderQueries = (db: Kysely<Schema>) => ({
  dnsProviders: (): Promise<DnsProviderRecord[]> =>
    db.selectFrom("dnsProviders").selectAll().orderBy("zone").execute(),
  /** @returns false when the zone has one already */
  insertDnsProvider: async (provider: DnsProviderRecord): Promise<boolean> =>
    ((
      await db
        .insertInto("dnsProviders")
        .values(provider)
        .onConflict((conflict) => conflict.column("zone").doNothing())
        .executeTakeFirst()
    ).numInsertedOrUpdatedRows ?? 0n) > 0n,
  updateDnsProvider: async (
    id: string,
    patch: Pick<DnsProviderRecord, "usedAt" | "lastError">,
  ): Promise<void> => {
    await db.updateTable("dnsProviders").set(patch).where("id", "=", id).execute();
  },
  deleteDnsProvider: async (zone: string): Promise<boolean> =>
    (await db.deleteFrom("dnsProviders").where("zone", "=", zone).executeTakeFirst()).numDeletedRows > 0n,
});
