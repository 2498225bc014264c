import { type Kysely, sql } from "kysely";
import type { LinkRecord } from "../../domain/link.ts";
import type { Schema } from "../schema.ts";

/** Who reaches whom by name, and who is reached in no other way. */
export const linkQueries = (db: Kysely<Schema>) => ({
  /** Also those that were ended and whose network is still there. */
  allLinks: (): Promise<LinkRecord[]> => db.selectFrom("links").selectAll().orderBy("id").execute(),
  /** Of an environment, to others. */
  linksOf: (environmentId: string): Promise<LinkRecord[]> =>
    db
      .selectFrom("links")
      .selectAll()
      .where("environmentId", "=", environmentId)
      .where("cutAt", "is", null)
      .orderBy("name")
      .execute(),
  /** Of others, to one of these. By the index links_by_target. */
  linksTo: (environmentIds: string[]): Promise<LinkRecord[]> =>
    db
      .selectFrom("links")
      .selectAll()
      .where("targetEnvironmentId", "in", environmentIds)
      .where("cutAt", "is", null)
      .orderBy("id")
      .execute(),
  insertLink: async (link: LinkRecord): Promise<void> => {
    await db.insertInto("links").values(link).execute();
  },
  /** @returns false when it was ended already */
  cutLink: async (id: string, atMs: number): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable("links")
      .set({ cutAt: atMs })
      .where("id", "=", id)
      .where("cutAt", "is", null)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  },
  /** Of a site that is deleted, both ways. */
  cutLinksOfSite: async (siteId: string, atMs: number): Promise<void> => {
    const own = db.selectFrom("environments").select("id").where("siteId", "=", siteId);
    await db
      .updateTable("links")
      .set({ cutAt: atMs })
      .where("cutAt", "is", null)
      .where((eb) => eb.or([eb("environmentId", "in", own), eb("targetEnvironmentId", "in", own)]))
      .execute();
  },
  /** Gives its network's slot free. */
  deleteLink: async (id: string): Promise<void> => {
    await db.deleteFrom("links").where("id", "=", id).execute();
  },
  /** Another subnet, where something else has taken its own. */
  moveLink: async (id: string, networkSlot: number): Promise<void> => {
    await db.updateTable("links").set({ networkSlot }).where("id", "=", id).execute();
  },

  internalEnvironments: async (): Promise<Set<string>> =>
    new Set(
      (await db.selectFrom("internalEnvironments").select("environmentId").execute()).map(
        (row) => row.environmentId,
      ),
    ),
  setInternal: async (environmentId: string, sinceMs: number | null): Promise<void> => {
    if (sinceMs === null)
      await db.deleteFrom("internalEnvironments").where("environmentId", "=", environmentId).execute();
    else
      await sql`INSERT INTO internal_environments (environment_id, since) VALUES (${environmentId}, ${sinceMs})
        ON CONFLICT (environment_id) DO NOTHING`.execute(db);
  },
});
