import type { Kysely } from "kysely";
import type { ReleaseRecord, ReplicaRecord, ReplicaRowState } from "../../domain/records.ts";
import type { Schema } from "../schema.ts";

/** Releases and the replicas that serve them. */
export const releaseQueries = (db: Kysely<Schema>) => ({
  insertRelease: async (release: ReleaseRecord): Promise<void> => {
    await db.insertInto("releases").values(release).execute();
  },
  /** Numbers are never given twice, even when a release was removed. Call inside a transaction. */
  nextReleaseNumber: async (environmentId: string): Promise<number> =>
    ((
      await db
        .selectFrom("releases")
        .select((eb) => eb.fn.max("number").as("number"))
        .where("environmentId", "=", environmentId)
        .executeTakeFirst()
    )?.number ?? 0) + 1,
  releaseById: (id: string): Promise<ReleaseRecord | undefined> =>
    db.selectFrom("releases").selectAll().where("id", "=", id).executeTakeFirst(),
  releasesByIds: (ids: string[]): Promise<ReleaseRecord[]> =>
    db.selectFrom("releases").selectAll().where("id", "in", ids).execute(),
  releaseByNumber: (environmentId: string, number: number): Promise<ReleaseRecord | undefined> =>
    db
      .selectFrom("releases")
      .selectAll()
      .where("environmentId", "=", environmentId)
      .where("number", "=", number)
      .executeTakeFirst(),
  /** Newest first, by the unique index on (environment_id, number). */
  releasesOf: (environmentId: string): Promise<ReleaseRecord[]> =>
    db
      .selectFrom("releases")
      .selectAll()
      .where("environmentId", "=", environmentId)
      .orderBy("number", "desc")
      .execute(),
  /** By environment: whether its current release is a folder or an image. */
  currentReleaseKinds: async (): Promise<Map<string, "static" | "container">> => {
    const rows = await db
      .selectFrom("environments")
      .innerJoin("releases", "releases.id", "environments.currentReleaseId")
      .select(["environments.id", "releases.imageId"])
      .execute();
    return new Map(rows.map((row) => [row.id, row.imageId === null ? "static" : "container"]));
  },
  /** Nobody can go back to it any more, so the sealed variables it was frozen with go. */
  retireRelease: async (id: string, atMs: number): Promise<void> => {
    await db.updateTable("releases").set({ retiredAt: atMs, env: "[]" }).where("id", "=", id).execute();
  },
  /** Tags that some release still needs: a build's tag can be shared by several. */
  imageTagInUse: async (tag: string): Promise<boolean> =>
    (await db
      .selectFrom("releases")
      .select("id")
      .where("imageTag", "=", tag)
      .where("retiredAt", "is", null)
      .executeTakeFirst()) !== undefined,

  insertReplica: async (replica: ReplicaRecord): Promise<void> => {
    await db.insertInto("replicas").values(replica).execute();
  },
  updateReplica: async (id: string, patch: Partial<ReplicaRecord>): Promise<void> => {
    await db.updateTable("replicas").set(patch).where("id", "=", id).execute();
  },
  /** Changes a replica that still is in this state; false when somebody else moved it. */
  moveReplica: async (id: string, from: ReplicaRowState, patch: Partial<ReplicaRecord>): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable("replicas")
      .set(patch)
      .where("id", "=", id)
      .where("state", "=", from)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  },
  replicaById: (id: string): Promise<ReplicaRecord | undefined> =>
    db.selectFrom("replicas").selectAll().where("id", "=", id).executeTakeFirst(),
  /** All that are not removed, by the partial index replicas_by_environment. */
  liveReplicas: (): Promise<ReplicaRecord[]> =>
    db.selectFrom("replicas").selectAll().where("state", "<>", "removed").orderBy("id").execute(),
  liveReplicasOfMany: (environmentIds: string[]): Promise<ReplicaRecord[]> =>
    db
      .selectFrom("replicas")
      .selectAll()
      .where("environmentId", "in", environmentIds)
      .where("state", "<>", "removed")
      .orderBy("id")
      .execute(),
  liveReplicasOf: (environmentId: string): Promise<ReplicaRecord[]> =>
    db
      .selectFrom("replicas")
      .selectAll()
      .where("environmentId", "=", environmentId)
      .where("state", "<>", "removed")
      .orderBy("id")
      .execute(),
});
