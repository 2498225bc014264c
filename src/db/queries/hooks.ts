import { type Kysely, sql } from "kysely";
import type {
  EnvironmentRecord,
  HookDeliveryInRecord,
  HookRecord,
  SiteRecord,
} from "../../domain/records.ts";
import type { Schema } from "../schema.ts";

type NewDelivery = Pick<HookDeliveryInRecord, "hookId" | "deliveryId" | "event" | "at">;
type Head = Pick<HookDeliveryInRecord, "headBefore" | "headAfter" | "pushedAt">;

/** Incoming hooks and the deliveries that came to them. */
export const hookQueries = (db: Kysely<Schema>) => ({
  insertHook: async (hook: HookRecord): Promise<void> => {
    await db.insertInto("hooks").values(hook).execute();
  },
  /** By the index hooks_by_environment. */
  hooksOf: (environmentId: string): Promise<HookRecord[]> =>
    db.selectFrom("hooks").selectAll().where("environmentId", "=", environmentId).orderBy("id").execute(),
  updateHookSecret: async (
    environmentId: string,
    hookId: string,
    secretCiphertext: string,
    rotatedAtMs: number,
  ): Promise<HookRecord | undefined> =>
    db
      .updateTable("hooks")
      .set({ secretCiphertext, rotatedAt: rotatedAtMs })
      .where("id", "=", hookId)
      .where("environmentId", "=", environmentId)
      .returningAll()
      .executeTakeFirst(),
  /** Its deliveries go with it. */
  deleteHook: async (environmentId: string, hookId: string): Promise<HookRecord | undefined> =>
    db
      .deleteFrom("hooks")
      .where("id", "=", hookId)
      .where("environmentId", "=", environmentId)
      .returningAll()
      .executeTakeFirst(),
  /** The hook with what it deploys, unless the site is deleted; primary keys all the way. */
  hookTarget: async (
    hookId: string,
  ): Promise<{ hook: HookRecord; environment: EnvironmentRecord; site: SiteRecord } | undefined> => {
    const hook = await db.selectFrom("hooks").selectAll().where("id", "=", hookId).executeTakeFirst();
    if (!hook) return undefined;
    const environment = await db
      .selectFrom("environments")
      .selectAll()
      .where("id", "=", hook.environmentId)
      .executeTakeFirst();
    const site =
      environment &&
      (await db
        .selectFrom("sites")
        .selectAll()
        .where("id", "=", environment.siteId)
        .where("deletedAt", "is", null)
        .executeTakeFirst());
    return site && { hook, environment, site };
  },

  /**
   * Takes a genuine delivery for the caller alone, by the unique index hook_deliveries_once.
   * @returns its row's id, or null when the delivery was seen before
   */
  claimDelivery: async (delivery: NewDelivery): Promise<number | null> => {
    const row = await db
      .insertInto("hookDeliveriesIn")
      .values({ ...delivery, signatureOk: 1, result: "received", deploymentId: null })
      .onConflict((conflict) => conflict.doNothing())
      .returning("id")
      .executeTakeFirst();
    return row?.id ?? null;
  },
  /** A genuine delivery that was seen before; by the partial index hook_deliveries_once, hence the literal. */
  seenDelivery: (hookId: string, deliveryId: string): Promise<HookDeliveryInRecord | undefined> =>
    db
      .selectFrom("hookDeliveriesIn")
      .selectAll()
      .where("hookId", "=", hookId)
      .where("deliveryId", "=", deliveryId)
      .where("signatureOk", "=", sql.lit(1))
      .executeTakeFirst(),
  /** Takes over a delivery whose handling a crash cut short, or that was refused; false when it came to its end. */
  reclaimDelivery: async (id: number, atMs: number): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable("hookDeliveriesIn")
      .set({ at: atMs })
      .where("id", "=", id)
      .where((row) => row.or([row("result", "=", "received"), row("result", "like", "refused: %")]))
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  },
  /** Undoes a claim, so that the git host can deliver again. */
  releaseDelivery: async (id: number): Promise<void> => {
    await db.deleteFrom("hookDeliveriesIn").where("id", "=", id).execute();
  },
  noteHead: async (id: number, head: Head): Promise<void> => {
    await db.updateTable("hookDeliveriesIn").set(head).where("id", "=", id).execute();
  },
  finishDelivery: async (id: number, result: string, deploymentId: string | null): Promise<void> => {
    await db.updateTable("hookDeliveriesIn").set({ result, deploymentId }).where("id", "=", id).execute();
  },
  /**
   * Whether a push was delivered that came after this one: by the host's own time, or, where that does not tell,
   * because it began where this one ended and this one does not follow on the latest (as it does when pushes are
   * taken back). By the index hook_deliveries_by_time.
   */
  newerPushSeen: async (hookId: string, id: number, head: Head, sinceMs: number): Promise<boolean> => {
    const others = sql`hook_id = ${hookId} AND at >= ${sinceMs} AND id <> ${id} AND head_after IS NOT NULL`;
    const { rows } = await sql<{ newer: number }>`
      SELECT 1 AS newer FROM hook_deliveries_in WHERE ${others} AND (
        pushed_at > ${head.pushedAt}
        OR (coalesce(pushed_at = ${head.pushedAt}, 1) AND head_before = ${head.headAfter}
          AND ${head.headBefore} IS NOT (
            SELECT head_after FROM hook_deliveries_in WHERE ${others} ORDER BY at DESC, id DESC LIMIT 1))
      ) LIMIT 1`.execute(db);
    return rows.length > 0;
  },
  /**
   * Keeps a delivery that was not genuine, at most `max` since `sinceMs`: whoever can reach the hook must not be
   * able to fill the disk. @returns whether it was kept
   */
  recordRefusedDelivery: async (
    delivery: NewDelivery & { result: string },
    sinceMs: number,
    max: number,
  ): Promise<boolean> => {
    const { numAffectedRows } = await sql`
      INSERT INTO hook_deliveries_in (hook_id, delivery_id, event, signature_ok, result, at)
      SELECT ${delivery.hookId}, ${delivery.deliveryId}, ${delivery.event}, 0, ${delivery.result}, ${delivery.at}
      WHERE (SELECT count(*) FROM hook_deliveries_in
        WHERE hook_id = ${delivery.hookId} AND at >= ${sinceMs} AND signature_ok = 0) < ${max}`.execute(db);
    return numAffectedRows === 1n;
  },
  /** Newest first, by the index hook_deliveries_by_time. */
  deliveriesOf: (hookId: string, limit: number): Promise<HookDeliveryInRecord[]> =>
    db
      .selectFrom("hookDeliveriesIn")
      .selectAll()
      .where("hookId", "=", hookId)
      .orderBy("at", "desc")
      .limit(limit)
      .execute(),
  /** A small step: ids grow with time, so the oldest are the first. @returns how many went */
  pruneDeliveries: async (beforeMs: number, limit: number): Promise<number> => {
    const { numDeletedRows } = await db
      .deleteFrom("hookDeliveriesIn")
      .where("at", "<", beforeMs)
      .where("id", "in", (oldest) =>
        oldest.selectFrom("hookDeliveriesIn").select("id").orderBy("id").limit(limit),
      )
      .executeTakeFirst();
    return Number(numDeletedRows);
  },
});
