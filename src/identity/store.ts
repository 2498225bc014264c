import type {
  ApiKeyRecord,
  AuditEntryRecord,
  SecurityEventRecord,
  SessionRecord,
  UserRecord,
} from "../domain/records.ts";

/** A session or key together with what a request needs to know of its user. */
export type WithUser<Row> = Row & Pick<UserRecord, "username" | "isAdmin" | "isActive">;

/** What identity asks of the database. */
export interface IdentityQueries {
  hasUsers(): Promise<boolean>;
  /** False when the user name or the e-mail address is taken. */
  insertUser(user: UserRecord): Promise<boolean>;
  userById(id: string): Promise<UserRecord | undefined>;
  /** By user name or e-mail address, whatever the case. */
  userByLogin(login: string): Promise<UserRecord | undefined>;
  listUsers(): Promise<UserRecord[]>;
  updateUser(id: string, patch: Partial<UserRecord>): Promise<void>;

  insertSession(session: SessionRecord): Promise<void>;
  sessionByTokenHash(tokenHash: string): Promise<WithUser<SessionRecord> | undefined>;
  touchSession(id: string, atMs: number): Promise<void>;
  /** False when it had already ended. */
  endSession(id: string, why: string, atMs: number): Promise<boolean>;
  hasSessionFrom(userId: string, ip: string): Promise<boolean>;
  /** Removes sessions that can never be used again; returns how many. */
  deleteSessionsBefore(limits: { seenBeforeMs: number; expiresBeforeMs: number }): Promise<number>;

  insertApiKey(key: ApiKeyRecord): Promise<void>;
  apiKeyByHash(keyHash: string): Promise<WithUser<ApiKeyRecord> | undefined>;
  apiKeyById(id: string): Promise<ApiKeyRecord | undefined>;
  /** Those not revoked, newest first. */
  apiKeysOfUser(userId: string): Promise<ApiKeyRecord[]>;
  touchApiKey(id: string, atMs: number): Promise<void>;
  /** False when it was revoked already. */
  revokeApiKey(id: string, atMs: number): Promise<boolean>;

  insertAudit(entry: AuditEntryRecord): Promise<void>;
  insertSecurityEvent(event: SecurityEventRecord): Promise<void>;
}

export interface IdentityStore extends IdentityQueries {
  /** All or nothing; inside, only the queries passed in may be awaited. */
  transaction<T>(run: (queries: IdentityQueries) => Promise<T>): Promise<T>;
}

/** Where a request comes from, as far as it can be trusted. */
export interface Caller {
  ip: string | null;
  userAgent: string | null;
}
