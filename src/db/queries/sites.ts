import { type Kysely, sql } from "kysely";
import type { OrganizationRole } from "../../domain/actor.ts";
import type {
  AuditEntryRecord,
  EnvironmentRecord,
  EnvVarRecord,
  SiteRecord,
  VolumeRecord,
} from "../../domain/records.ts";
import type { Schema } from "../schema.ts";

/** Sites, their environments, env vars and volumes. Deleted sites are seen only by `sitesToClean`. */
const lastSlotKey = "last_network_slot";

export const siteQueries = (db: Kysely<Schema>) => ({
  insertSite: async (site: SiteRecord): Promise<void> => {
    await db.insertInto("sites").values(site).execute();
  },
  insertEnvironment: async (environment: EnvironmentRecord): Promise<void> => {
    await db.insertInto("environments").values(environment).execute();
  },
  insertAudit: async (entry: AuditEntryRecord): Promise<void> => {
    await db.insertInto("auditLog").values(entry).execute();
  },

  /** Those that somebody started or restarted then or later, by the index audit_log_by_object. */
  sitesStartedSince: async (siteIds: string[], atMs: number): Promise<string[]> => {
    if (siteIds.length === 0) return [];
    const rows = await db
      .selectFrom("auditLog")
      .select("objectId")
      .distinct()
      .where("objectId", "in", siteIds)
      .where("at", ">=", atMs)
      .where("action", "in", ["site.start", "site.restart"])
      .execute();
    return rows.map(({ objectId }) => objectId!);
  },

  /** By the unique index sites_slug. */
  siteBySlug: (slug: string): Promise<SiteRecord | undefined> =>
    db
      .selectFrom("sites")
      .selectAll()
      .where("slug", "=", slug)
      .where("deletedAt", "is", null)
      .executeTakeFirst(),
  siteById: (id: string): Promise<SiteRecord | undefined> =>
    db.selectFrom("sites").selectAll().where("id", "=", id).executeTakeFirst(),
  /** Sites a user owns, alone or through an organisation; all when `userId` is null. */
  listSites: (userId: string | null): Promise<SiteRecord[]> => {
    let query = db.selectFrom("sites").selectAll().where("deletedAt", "is", null).orderBy("slug");
    if (userId !== null)
      query = query.where((eb) =>
        eb.or([
          eb("ownerUserId", "=", userId),
          eb(
            "ownerOrganizationId",
            "in",
            eb.selectFrom("organizationMembers").select("organizationId").where("userId", "=", userId),
          ),
        ]),
      );
    return query.execute();
  },
  roleInOrganization: async (organizationId: string, userId: string): Promise<OrganizationRole | null> =>
    (
      await db
        .selectFrom("organizationMembers")
        .select("role")
        .where("organizationId", "=", organizationId)
        .where("userId", "=", userId)
        .executeTakeFirst()
    )?.role ?? null,
  /** Environments of many sites at once. */
  environmentsOfSites: (siteIds: string[]): Promise<EnvironmentRecord[]> =>
    db.selectFrom("environments").selectAll().where("siteId", "in", siteIds).execute(),
  volumesOfMany: (environmentIds: string[]): Promise<VolumeRecord[]> =>
    db
      .selectFrom("volumes")
      .selectAll()
      .where("environmentId", "in", environmentIds)
      .orderBy("name")
      .execute(),
  /** Names of owners, users and organisations alike, by id. */
  ownerNames: async (ids: string[]): Promise<Map<string, string>> => {
    const rows = await db
      .selectFrom("users")
      .select(["id", "username as name"])
      .where("id", "in", ids)
      .unionAll(db.selectFrom("organizations").select(["id", "name"]).where("id", "in", ids))
      .execute();
    return new Map(rows.map((row) => [row.id, row.name]));
  },
  updateSite: async (id: string, patch: Partial<SiteRecord>): Promise<void> => {
    if (Object.keys(patch).length > 0)
      await db.updateTable("sites").set(patch).where("id", "=", id).execute();
  },
  /** False when the site was deleted by somebody else meanwhile. */
  markSiteDeleted: async (id: string, atMs: number, deleteVolumes: boolean): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable("sites")
      .set({ deletedAt: atMs, deleteVolumes: deleteVolumes ? 1 : 0 })
      .where("id", "=", id)
      .where("deletedAt", "is", null)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  },
  sitesToClean: (): Promise<SiteRecord[]> =>
    db
      .selectFrom("sites")
      .selectAll()
      .where("deletedAt", "is not", null)
      .where("cleanedAt", "is", null)
      .execute(),
  /** Facts and ledger stay; what could still be misused or reused goes. */
  markSiteCleaned: async (id: string, atMs: number): Promise<void> => {
    const environments = db.selectFrom("environments").select("id").where("siteId", "=", id);
    await db.deleteFrom("envVars").where("environmentId", "in", environments).execute();
    await db.deleteFrom("hooks").where("environmentId", "in", environments).execute();
    await db.updateTable("releases").set({ env: "[]" }).where("environmentId", "in", environments).execute();
    await db.updateTable("environments").set({ networkSlot: null }).where("siteId", "=", id).execute();
    await db.updateTable("sites").set({ cleanedAt: atMs }).where("id", "=", id).execute();
  },

  environmentByName: (siteId: string, name: string): Promise<EnvironmentRecord | undefined> =>
    db
      .selectFrom("environments")
      .selectAll()
      .where("siteId", "=", siteId)
      .where("name", "=", name)
      .executeTakeFirst(),
  environmentById: (id: string): Promise<EnvironmentRecord | undefined> =>
    db.selectFrom("environments").selectAll().where("id", "=", id).executeTakeFirst(),
  environmentsOfSite: (siteId: string): Promise<EnvironmentRecord[]> =>
    db.selectFrom("environments").selectAll().where("siteId", "=", siteId).execute(),
  /** Every environment of every site that is not deleted, with its site's slug. */
  liveEnvironments: (): Promise<(EnvironmentRecord & { slug: string })[]> =>
    db
      .selectFrom("environments")
      .innerJoin("sites", "sites.id", "environments.siteId")
      .selectAll("environments")
      .select("sites.slug")
      .where("sites.deletedAt", "is", null)
      .execute(),
  updateEnvironment: async (id: string, patch: Partial<EnvironmentRecord>): Promise<void> => {
    if (Object.keys(patch).length > 0)
      await db.updateTable("environments").set(patch).where("id", "=", id).execute();
  },
  /**
   * The next free slot after the one given out last, round the pool: who comes anew does not get the addresses of
   * who has just gone, for which others may still have connections, routes and names. Null when all are taken.
   */
  nextNetworkSlot: async (slots: number): Promise<number | null> => {
    const free = await sql<{ slot: number }>`
      WITH RECURSIVE
        taken (slot) AS (
          SELECT network_slot FROM environments WHERE network_slot IS NOT NULL UNION SELECT network_slot FROM links
        ),
        given (slot) AS (
          SELECT coalesce(
            (SELECT CAST(value AS INTEGER) FROM settings WHERE key = ${lastSlotKey}),
            (SELECT max(slot) FROM taken),
            -1
          )
        ),
        slots (slot) AS (SELECT 0 UNION ALL SELECT slot + 1 FROM slots WHERE slot + 1 < ${slots})
      SELECT slot FROM slots WHERE slot NOT IN (SELECT slot FROM taken)
      ORDER BY slot <= (SELECT slot FROM given), slot LIMIT 1`.execute(db);
    const slot = free.rows[0]?.slot;
    if (slot === undefined) return null;
    await sql`
      INSERT INTO settings (key, value, updated_at)
      VALUES (${lastSlotKey}, ${String(slot)}, unixepoch() * 1000)
      ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`.execute(db);
    return slot;
  },

  /** By the primary key. */
  envVarsOf: (environmentId: string): Promise<EnvVarRecord[]> =>
    db.selectFrom("envVars").selectAll().where("environmentId", "=", environmentId).orderBy("key").execute(),
  putEnvVar: async (envVar: EnvVarRecord): Promise<void> => {
    const { ciphertext, keyVersion, isSecret, updatedAt, updatedBy } = envVar;
    await db
      .insertInto("envVars")
      .values(envVar)
      .onConflict((conflict) =>
        conflict
          .columns(["environmentId", "key"])
          .doUpdateSet({ ciphertext, keyVersion, isSecret, updatedAt, updatedBy }),
      )
      .execute();
  },
  deleteEnvVar: async (environmentId: string, key: string): Promise<void> => {
    await db
      .deleteFrom("envVars")
      .where("environmentId", "=", environmentId)
      .where("key", "=", key)
      .execute();
  },

  volumesOf: (environmentId: string): Promise<VolumeRecord[]> =>
    db.selectFrom("volumes").selectAll().where("environmentId", "=", environmentId).orderBy("name").execute(),
  insertVolume: async (volume: VolumeRecord): Promise<void> => {
    await db.insertInto("volumes").values(volume).execute();
  },
  deleteVolume: async (id: string): Promise<boolean> =>
    (await db.deleteFrom("volumes").where("id", "=", id).executeTakeFirst()).numDeletedRows > 0n,
});
