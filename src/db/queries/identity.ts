import type { Kysely } from "kysely";
import type { ApiKeyRecord, SessionRecord, UserRecord } from "../../domain/records.ts";
import type { Schema } from "../schema.ts";

const userColumns = ["users.username", "users.isAdmin", "users.isActive"] as const;

/** Users, sessions and API keys. */
export const identityQueries = (db: Kysely<Schema>) => ({
  hasUsers: async (): Promise<boolean> =>
    (await db.selectFrom("users").select("id").limit(1).executeTakeFirst()) !== undefined,
  insertUser: async (user: UserRecord): Promise<boolean> => {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto("users")
      .values(user)
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return (numInsertedOrUpdatedRows ?? 0n) > 0n;
  },
  userById: (id: string): Promise<UserRecord | undefined> =>
    db.selectFrom("users").selectAll().where("id", "=", id).executeTakeFirst(),
  /** By the unique indexes on user name and address; no name holds an @, so at most one row fits. */
  userByLogin: (login: string): Promise<UserRecord | undefined> =>
    db
      .selectFrom("users")
      .selectAll()
      .where((eb) => eb.or([eb("username", "=", login), eb("email", "=", login)]))
      .executeTakeFirst(),
  listUsers: (): Promise<UserRecord[]> => db.selectFrom("users").selectAll().orderBy("username").execute(),
  updateUser: async (id: string, patch: Partial<UserRecord>): Promise<void> => {
    await db.updateTable("users").set(patch).where("id", "=", id).execute();
  },

  insertSession: async (session: SessionRecord): Promise<void> => {
    await db.insertInto("sessions").values(session).execute();
  },
  /** At every request of the panel: by the unique index on token_hash, then the user's primary key. */
  sessionByTokenHash: (tokenHash: string) =>
    db
      .selectFrom("sessions")
      .innerJoin("users", "users.id", "sessions.userId")
      .selectAll("sessions")
      .select(userColumns)
      .where("sessions.tokenHash", "=", tokenHash)
      .executeTakeFirst(),
  touchSession: async (id: string, atMs: number): Promise<void> => {
    await db.updateTable("sessions").set({ lastSeenAt: atMs }).where("id", "=", id).execute();
  },
  endSession: async (id: string, why: string, atMs: number): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable("sessions")
      .set({ endedAt: atMs, endedWhy: why })
      .where("id", "=", id)
      .where("endedAt", "is", null)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  },
  /** By the index sessions_by_user. */
  hasSessionFrom: async (userId: string, ip: string): Promise<boolean> =>
    (await db
      .selectFrom("sessions")
      .select("id")
      .where("userId", "=", userId)
      .where("ip", "=", ip)
      .limit(1)
      .executeTakeFirst()) !== undefined,
  deleteSessionsBefore: async (limits: {
    seenBeforeMs: number;
    expiresBeforeMs: number;
  }): Promise<number> => {
    const { numDeletedRows } = await db
      .deleteFrom("sessions")
      .where((eb) =>
        eb.or([eb("lastSeenAt", "<=", limits.seenBeforeMs), eb("expiresAt", "<=", limits.expiresBeforeMs)]),
      )
      .executeTakeFirst();
    return Number(numDeletedRows);
  },

  insertApiKey: async (key: ApiKeyRecord): Promise<void> => {
    await db.insertInto("apiKeys").values(key).execute();
  },
  /** At every request with a key: by the unique index on key_hash, then the user's primary key. */
  apiKeyByHash: (keyHash: string) =>
    db
      .selectFrom("apiKeys")
      .innerJoin("users", "users.id", "apiKeys.userId")
      .selectAll("apiKeys")
      .select(userColumns)
      .where("apiKeys.keyHash", "=", keyHash)
      .executeTakeFirst(),
  apiKeyById: (id: string): Promise<ApiKeyRecord | undefined> =>
    db.selectFrom("apiKeys").selectAll().where("id", "=", id).executeTakeFirst(),
  /** By the index api_keys_by_user. */
  apiKeysOfUser: (userId: string): Promise<ApiKeyRecord[]> =>
    db
      .selectFrom("apiKeys")
      .selectAll()
      .where("userId", "=", userId)
      .where("revokedAt", "is", null)
      .orderBy("id", "desc")
      .execute(),
  touchApiKey: async (id: string, atMs: number): Promise<void> => {
    await db.updateTable("apiKeys").set({ lastUsedAt: atMs }).where("id", "=", id).execute();
  },
  revokeApiKey: async (id: string, atMs: number): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable("apiKeys")
      .set({ revokedAt: atMs })
      .where("id", "=", id)
      .where("revokedAt", "is", null)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  },
});
