import type { Kysely } from "kysely";
import type { DomainRecord } from "../../domain/records.ts";
import type { Schema } from "../schema.ts";

/** Custom domains of environments. A name may be claimed by many and verified by one (index domains_verified). */
export const domainQueries = (db: Kysely<Schema>) => ({
  insertDomain: async (domain: DomainRecord): Promise<void> => {
    await db.insertInto("domains").values(domain).execute();
  },
  /**
   * The primary one, then the first that was added: the address shown for a site does not change with each that
   * comes. By the unique index on environment and name.
   */
  domainsOf: (environmentId: string): Promise<DomainRecord[]> =>
    db
      .selectFrom("domains")
      .selectAll()
      .where("environmentId", "=", environmentId)
      .orderBy("isPrimary", "desc")
      .orderBy("createdAt")
      .orderBy("name")
      .execute(),
  domainsOfMany: (environmentIds: string[]): Promise<DomainRecord[]> =>
    db
      .selectFrom("domains")
      .selectAll()
      .where("environmentId", "in", environmentIds)
      .orderBy("isPrimary", "desc")
      .orderBy("createdAt")
      .orderBy("name")
      .execute(),
  /** Of sites that are not deleted, by name. */
  verifiedDomains: (): Promise<DomainRecord[]> =>
    db
      .selectFrom("domains")
      .innerJoin("environments", "environments.id", "domains.environmentId")
      .innerJoin("sites", "sites.id", "environments.siteId")
      .selectAll("domains")
      .where("domains.verifiedAt", "is not", null)
      .where("sites.deletedAt", "is", null)
      .orderBy("domains.name")
      .execute(),
  /** Who holds any of these names, by the partial index domains_verified. */
  verifiedAmong: (
    names: string[],
  ): Promise<
    (DomainRecord & { ownerUserId: string | null; ownerOrganizationId: string | null; slug: string })[]
  > =>
    db
      .selectFrom("domains")
      .innerJoin("environments", "environments.id", "domains.environmentId")
      .innerJoin("sites", "sites.id", "environments.siteId")
      .selectAll("domains")
      .select(["sites.ownerUserId", "sites.ownerOrganizationId", "sites.slug"])
      .where("domains.name", "in", names)
      .where("domains.verifiedAt", "is not", null)
      .execute(),
  /** By the partial index domains_to_check. */
  domainsToCheck: (nowMs: number, limit: number): Promise<DomainRecord[]> =>
    db
      .selectFrom("domains")
      .selectAll()
      .where("verifiedAt", "is", null)
      .where("nextCheckAt", "<=", nowMs)
      .orderBy("nextCheckAt")
      .limit(limit)
      .execute(),
  /** @throws SQLite's constraint error when another environment verified the name meanwhile */
  updateDomain: async (id: string, patch: Partial<DomainRecord>): Promise<boolean> =>
    (await db.updateTable("domains").set(patch).where("id", "=", id).executeTakeFirst()).numUpdatedRows > 0n,
  /** Those that led to it lead nowhere else from now on. */
  deleteDomain: async (domain: Pick<DomainRecord, "id" | "environmentId" | "name">): Promise<boolean> => {
    await db
      .updateTable("domains")
      .set({ redirectTo: null })
      .where("environmentId", "=", domain.environmentId)
      .where("redirectTo", "=", domain.name)
      .execute();
    const { numDeletedRows } = await db.deleteFrom("domains").where("id", "=", domain.id).executeTakeFirst();
    return numDeletedRows > 0n;
  },
  clearPrimaryDomain: async (environmentId: string): Promise<void> => {
    await db
      .updateTable("domains")
      .set({ isPrimary: 0 })
      .where("environmentId", "=", environmentId)
      .where("isPrimary", "=", 1)
      .execute();
  },
  /** Claims whose time is over. @returns their names */
  deleteExpiredDomains: async (nowMs: number): Promise<string[]> =>
    (
      await db
        .deleteFrom("domains")
        .where("verifiedAt", "is", null)
        .where("expiresAt", "<=", nowMs)
        .returning("name")
        .execute()
    ).map((row) => row.name),
  /** Names and uploaded certificates of a site that is deleted: free for others, and its keys gone. */
  deleteDomainsOfSite: async (siteId: string): Promise<void> => {
    const environments = db.selectFrom("environments").select("id").where("siteId", "=", siteId);
    await db.deleteFrom("domains").where("environmentId", "in", environments).execute();
    await db.deleteFrom("certificates").where("environmentId", "in", environments).execute();
  },
});
