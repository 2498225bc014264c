import { auditEntry } from "../domain/audit.ts";
import type { UserRecord } from "../domain/records.ts";
import { AppError, conflict } from "../errors.ts";
import { newApiKey } from "./api-keys.ts";
import { type IdentityDeps, securityEvent } from "./deps.ts";
import { parse } from "./parse.ts";
import { type AccountInput, accountSchema } from "./schemas.ts";
import { readSetupToken, removeSetupToken } from "./setup-token.ts";
import type { Caller } from "./store.ts";
import { addressKey } from "./throttle.ts";
import { sameSecret } from "./tokens.ts";
import { newUser } from "./users.ts";

const done = "this installation has its owner already; sign in instead";

/**
 * Turns the one-time setup token into the owner's account, with a key for the command line. Of two at once, one
 * wins. The token's file goes with it.
 * @throws AppError `conflict` when there is a user already, `forbidden` for a wrong token, `invalid_input`,
 *   `rate_limited`
 */
export const setupOwner = async (
  deps: IdentityDeps,
  input: { token: string } & AccountInput,
  caller: Caller,
): Promise<{ user: UserRecord; token: string }> => {
  const { store, clock, throttles, dataDir } = deps;
  if (await store.hasUsers()) throw conflict(done);
  const address = addressKey(caller.ip);
  throttles.setup.take(address);
  const expected = await readSetupToken(dataDir);
  if (expected === null || !sameSecret(input.token.trim(), expected)) {
    await securityEvent(deps, "setup_token_wrong", "high", {}, caller);
    throw new AppError(
      "forbidden",
      "the setup token is wrong; it is printed at start and kept in the file setup-token of the data directory",
    );
  }
  throttles.setup.giveBack(address);
  const { token: _, ...account } = input;
  const user = await newUser(deps, parse(accountSchema, account), true);
  const now = clock.nowMs();
  const key = newApiKey(user.id, { name: "setup", scopes: ["admin"], expiresAtMs: null }, now);
  const actor = {
    kind: "user",
    userId: user.id,
    username: user.username,
    isAdmin: true,
    via: "key",
    keyId: key.row.id,
    ...caller,
  } as const;
  await store.transaction(async (queries) => {
    if ((await queries.hasUsers()) || !(await queries.insertUser(user))) throw conflict(done);
    await queries.insertApiKey(key.row);
    const after = { username: user.username, email: user.email, isAdmin: true };
    await queries.insertAudit(auditEntry(actor, "user.setup", { type: "user", id: user.id }, { after }, now));
  });
  await removeSetupToken(dataDir);
  return { user, token: key.token };
};
