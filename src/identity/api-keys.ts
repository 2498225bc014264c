import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { newId } from "../domain/id.ts";
import type { ApiKeyRecord } from "../domain/records.ts";
import type { ApiKeyView } from "../domain/views.ts";
import { AppError, conflict, notFound } from "../errors.ts";
import type { IdentityDeps } from "./deps.ts";
import { parse } from "./parse.ts";
import { type NewKeyInput, type Scope, newKeySchema, scopeAllows } from "./schemas.ts";
import type { Caller, IdentityQueries } from "./store.ts";
import { hashToken, randomText } from "./tokens.ts";

type UserActor = Extract<Actor, { kind: "user" }>;

const dayMs = 24 * 3600 * 1000;
const maxKeysPerUser = 200;
const tokenPattern = /^croft_[0-9a-z]{8}_[0-9a-z]{40}$/;

const iso = (atMs: number | null): string | null => (atMs === null ? null : new Date(atMs).toISOString());

const scopesOf = (key: ApiKeyRecord): Scope[] => key.scopes.split(" ") as Scope[];

export const apiKeyView = (key: ApiKeyRecord): ApiKeyView => ({
  id: key.id,
  name: key.name,
  prefix: key.prefix,
  scopes: scopesOf(key),
  createdAt: iso(key.createdAt)!,
  expiresAt: iso(key.expiresAt),
  lastUsedAt: iso(key.lastUsedAt),
});

/**
 * A key and its row. The key, `croft_<8 characters to know it by>_<200 random bits>`, exists only in the answer;
 * the database keeps its hash.
 */
export const newApiKey = (
  userId: string,
  fields: { name: string; scopes: readonly Scope[]; expiresAtMs: number | null },
  nowMs: number,
): { token: string; row: ApiKeyRecord } => {
  const prefix = randomText(8);
  const token = `croft_${prefix}_${randomText(40)}`;
  const row: ApiKeyRecord = {
    id: newId("key", nowMs),
    userId,
    name: fields.name,
    prefix,
    keyHash: hashToken(token),
    scopes: fields.scopes.join(" "),
    createdAt: nowMs,
    expiresAt: fields.expiresAtMs,
    lastUsedAt: null,
    revokedAt: null,
  };
  return { token, row };
};

/** Call inside the transaction that inserts the key. @throws AppError `conflict` at 200 keys */
export const assertRoomForKey = async (
  queries: Pick<IdentityQueries, "apiKeysOfUser">,
  userId: string,
): Promise<void> => {
  if ((await queries.apiKeysOfUser(userId)).length >= maxKeysPerUser)
    throw conflict(`there are ${maxKeysPerUser} keys already; revoke some first`);
};

/**
 * @param held scopes of whoever asks: a key cannot make one that may do more than itself
 * @throws AppError `invalid_input`, `forbidden`, `conflict` at 200 keys
 */
export const createApiKey = async (
  { store, clock }: IdentityDeps,
  actor: UserActor,
  held: readonly Scope[],
  input: NewKeyInput,
): Promise<{ token: string; key: ApiKeyView }> => {
  const { name, scopes, expiresInDays } = parse(newKeySchema, input);
  const tooMuch = scopes.find((scope) => !scopeAllows(held, scope));
  if (tooMuch !== undefined)
    throw new AppError("forbidden", `this key does not hold the scope ${tooMuch}, so it cannot give it`);
  const now = clock.nowMs();
  const expiresAtMs = expiresInDays ? now + expiresInDays * dayMs : null;
  const { token, row } = newApiKey(actor.userId, { name, scopes, expiresAtMs }, now);
  await store.transaction(async (queries) => {
    await assertRoomForKey(queries, actor.userId);
    await queries.insertApiKey(row);
    const after = { name, prefix: row.prefix, scopes, expiresAt: iso(expiresAtMs) };
    await queries.insertAudit(auditEntry(actor, "key.create", { type: "key", id: row.id }, { after }, now));
  });
  return { token, key: apiKeyView(row) };
};

/** The actor's own keys that are not revoked, newest first. */
export const listApiKeys = async ({ store }: IdentityDeps, actor: UserActor): Promise<ApiKeyView[]> =>
  (await store.apiKeysOfUser(actor.userId)).map(apiKeyView);

/**
 * Takes effect with the next request. Operators may revoke anybody's.
 * @throws AppError `not_found`, also for keys of others and those revoked before
 */
export const revokeApiKey = async (
  { store, clock }: IdentityDeps,
  actor: UserActor,
  keyId: string,
): Promise<void> => {
  const now = clock.nowMs();
  await store.transaction(async (queries) => {
    const key = await queries.apiKeyById(keyId);
    const mayRevoke = key !== undefined && (key.userId === actor.userId || actor.isAdmin);
    if (!mayRevoke || !(await queries.revokeApiKey(keyId, now))) throw notFound("the key");
    const before = { name: key.name, prefix: key.prefix, scopes: scopesOf(key) };
    await queries.insertAudit(auditEntry(actor, "key.revoke", { type: "key", id: keyId }, { before }, now));
  });
};

/** Whose key this is and what it may do; null when it is wrong, expired, revoked or its user inactive. */
export const authenticateApiKey = async (
  { store, clock }: Pick<IdentityDeps, "store" | "clock">,
  token: string,
  caller: Caller,
): Promise<{ actor: UserActor; scopes: Scope[] } | null> => {
  if (!tokenPattern.test(token)) return null;
  const key = await store.apiKeyByHash(hashToken(token));
  const now = clock.nowMs();
  if (!key || key.revokedAt !== null || key.isActive !== 1) return null;
  if (key.expiresAt !== null && key.expiresAt <= now) return null;
  // Once a minute is enough for people, and spares a disk flush per request.
  if (key.lastUsedAt === null || now - key.lastUsedAt >= 60_000) await store.touchApiKey(key.id, now);
  return {
    actor: {
      kind: "user",
      userId: key.userId,
      username: key.username,
      isAdmin: key.isAdmin === 1,
      via: "key",
      keyId: key.id,
      ...caller,
    },
    scopes: scopesOf(key),
  };
};
