import { auditEntry } from "../domain/audit.ts";
import type { UserRecord } from "../domain/records.ts";
import { AppError } from "../errors.ts";
import { assertRoomForKey, newApiKey } from "./api-keys.ts";
import { type IdentityDeps, securityEvent } from "./deps.ts";
import { parse } from "./parse.ts";
import type { Lane } from "./passwords.ts";
import { newKeySchema } from "./schemas.ts";
import { type NewSession, startSession } from "./sessions.ts";
import type { Caller } from "./store.ts";
import { addressKey } from "./throttle.ts";

export interface Credentials {
  /** User name or e-mail address. */
  username: string;
  password: string;
}

/**
 * The account's bucket is shared by all addresses, so that many of them cannot guess in turns. When it is empty a
 * new address has still two attempts of its own, and one that the account was signed in from before is not held
 * back at all: guessing from everywhere must not lock the owner out.
 */
const passAccountThrottle = (
  { throttles }: IdentityDeps,
  account: string,
  address: string,
  lane: Lane,
): void => {
  if (lane === "known" || throttles.account.tryTake(account)) return;
  throttles.newcomer.take(`${address} ${account}`);
};

/**
 * @throws AppError `unauthenticated` in the same words and the same time whatever was wrong, `rate_limited`
 */
const checkCredentials = async (
  deps: IdentityDeps,
  { username, password }: Credentials,
  caller: Caller,
): Promise<UserRecord> => {
  const address = addressKey(caller.ip);
  const account = username.trim().toLowerCase().slice(0, 254);
  deps.throttles.address.take(address);
  const user = await deps.store.userByLogin(account);
  const known = user && caller.ip !== null && (await deps.store.hasSessionFrom(user.id, caller.ip));
  const lane: Lane = known ? "known" : "stranger";
  passAccountThrottle(deps, account, address, lane);
  // Longer than any password can be: nothing to hash.
  const checked =
    password.length > 200
      ? { ok: false, upgradedHash: null }
      : await deps.passwords.verify(password, user?.passwordHash ?? null, lane);
  if (!checked.ok || user?.isActive !== 1) {
    // What was typed for a name that does not exist may be a password by mistake: it is not kept.
    await securityEvent(deps, "sign_in_failed", "low", { username: user?.username ?? "(unknown)" }, caller);
    throw new AppError("unauthenticated", "the user name or the password is wrong");
  }
  deps.throttles.address.giveBack(address);
  deps.throttles.account.giveBack(account);
  if (checked.upgradedHash !== null)
    await deps.store.updateUser(user.id, { passwordHash: checked.upgradedHash });
  return user;
};

/** For the panel. @throws AppError `unauthenticated`, `rate_limited` */
export const signIn = async (
  deps: IdentityDeps,
  credentials: Credentials,
  caller: Caller,
): Promise<NewSession & { user: UserRecord }> => {
  const user = await checkCredentials(deps, credentials, caller);
  return { ...(await startSession(deps, user, caller)), user };
};

/** For `croft login`: a key with all scopes instead of a session. @throws as `signIn`, `invalid_input`, `conflict` at 200 keys */
export const signInForKey = async (
  deps: IdentityDeps,
  credentials: Credentials,
  keyName: string,
  caller: Caller,
): Promise<{ token: string; user: UserRecord }> => {
  const { name } = parse(newKeySchema, { name: keyName, scopes: ["admin"] });
  const user = await checkCredentials(deps, credentials, caller);
  const now = deps.clock.nowMs();
  const { token, row } = newApiKey(user.id, { name, scopes: ["admin"], expiresAtMs: null }, now);
  const actor = {
    kind: "user",
    userId: user.id,
    username: user.username,
    isAdmin: user.isAdmin === 1,
    via: "key",
    keyId: row.id,
    ...caller,
  } as const;
  await deps.store.transaction(async (queries) => {
    await assertRoomForKey(queries, user.id);
    await queries.insertApiKey(row);
    await queries.updateUser(user.id, { lastLoginAt: now });
    const after = { name, prefix: row.prefix, scopes: ["admin"] };
    await queries.insertAudit(auditEntry(actor, "key.create", { type: "key", id: row.id }, { after }, now));
  });
  return { token, user };
};
