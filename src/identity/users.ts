import type { z } from "zod";
import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { newId } from "../domain/id.ts";
import type { UserRecord } from "../domain/records.ts";
import type { UserView } from "../domain/views.ts";
import { AppError, conflict } from "../errors.ts";
import type { IdentityDeps } from "./deps.ts";
import { parse } from "./parse.ts";
import { type AccountInput, accountSchema } from "./schemas.ts";

export const userView = (user: UserRecord): UserView => ({
  id: user.id,
  username: user.username,
  email: user.email,
  displayName: user.displayName,
  isAdmin: user.isAdmin === 1,
});

/** A row for a new user; the password is hashed here, so do this before opening a transaction. */
export const newUser = async (
  { passwords, clock }: Pick<IdentityDeps, "passwords" | "clock">,
  account: z.output<typeof accountSchema>,
  isAdmin: boolean,
): Promise<UserRecord> => {
  const now = clock.nowMs();
  return {
    id: newId("usr", now),
    username: account.username,
    email: account.email,
    passwordHash: await passwords.hash(account.password),
    displayName: "",
    isAdmin: isAdmin ? 1 : 0,
    isActive: 1,
    createdAt: now,
    updatedAt: now,
    lastLoginAt: null,
  };
};

const requireOperator = (actor: Actor, what: string): void => {
  if (actor.kind === "user" && !actor.isAdmin)
    throw new AppError("forbidden", `only an operator of this installation may ${what}`);
};

/**
 * @throws AppError `forbidden` unless the actor is an operator, `invalid_input`, `conflict` when the name or the
 *   address is taken
 */
export const createUser = async (
  deps: IdentityDeps,
  actor: Actor,
  input: AccountInput & { isAdmin?: boolean },
): Promise<UserView> => {
  requireOperator(actor, "create users");
  const { isAdmin = false, ...account } = input;
  const user = await newUser(deps, parse(accountSchema, account), isAdmin);
  await deps.store.transaction(async (store) => {
    if (!(await store.insertUser(user)))
      throw conflict(`the user name ${user.username} or the address ${user.email} is taken`);
    const after = { username: user.username, email: user.email, isAdmin };
    await store.insertAudit(
      auditEntry(actor, "user.create", { type: "user", id: user.id }, { after }, user.createdAt),
    );
  });
  return userView(user);
};

/** @throws AppError `forbidden` unless the actor is an operator */
export const listUsers = async (deps: Pick<IdentityDeps, "store">, actor: Actor): Promise<UserView[]> => {
  requireOperator(actor, "list users");
  return (await deps.store.listUsers()).map(userView);
};

/** @throws AppError `unauthenticated` when the user is gone */
export const getUser = async (deps: Pick<IdentityDeps, "store">, userId: string): Promise<UserView> => {
  const user = await deps.store.userById(userId);
  if (!user) throw new AppError("unauthenticated", "this account is gone");
  return userView(user);
};
