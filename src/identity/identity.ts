import type { Actor } from "../domain/actor.ts";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import { authenticateApiKey, createApiKey, listApiKeys, revokeApiKey } from "./api-keys.ts";
import type { IdentityDeps } from "./deps.ts";
import { type PasswordOptions, createPasswords } from "./passwords.ts";
import type { AccountInput, NewKeyInput, Scope } from "./schemas.ts";
import { authenticateSession, endSession, pruneSessions, startSession } from "./sessions.ts";
import { setupOwner } from "./setup-owner.ts";
import { type Credentials, signIn, signInForKey } from "./sign-in.ts";
import type { Caller, IdentityStore } from "./store.ts";
import { createThrottle } from "./throttle.ts";
import { createUser, getUser, listUsers } from "./users.ts";

type UserActor = Extract<Actor, { kind: "user" }>;

export interface IdentityOptions {
  store: IdentityStore;
  dataDir: string;
  clock: Clock;
  log: Log;
  hashing?: PasswordOptions;
}

/** All verbs of identity over one set of dependencies; each is described where it is defined. */
export const createIdentity = ({ store, dataDir, clock, log, hashing }: IdentityOptions) => {
  const deps: IdentityDeps = {
    store,
    dataDir,
    clock,
    log,
    passwords: createPasswords(hashing),
    throttles: {
      address: createThrottle(clock, { burst: 20, refillMs: 10_000 }),
      account: createThrottle(clock, { burst: 60, refillMs: 10_000 }),
      newcomer: createThrottle(clock, { burst: 2, refillMs: 1_800_000 }),
      setup: createThrottle(clock, { burst: 10, refillMs: 30_000 }),
    },
  };
  return {
    /** True until somebody turned the setup token into the owner's account. */
    needsSetup: async (): Promise<boolean> => !(await store.hasUsers()),
    setupOwner: (input: { token: string } & AccountInput, caller: Caller) => setupOwner(deps, input, caller),
    signIn: (credentials: Credentials, caller: Caller) => signIn(deps, credentials, caller),
    signInForKey: (credentials: Credentials, keyName: string, caller: Caller) =>
      signInForKey(deps, credentials, keyName, caller),
    startSession: (user: Parameters<typeof startSession>[1], caller: Caller) =>
      startSession(deps, user, caller),
    authenticateSession: (token: string, caller: Caller) => authenticateSession(deps, token, caller),
    endSession: (actor: UserActor, sessionId: string) => endSession(deps, actor, sessionId),
    pruneSessions: () => pruneSessions(deps),
    authenticateApiKey: (token: string, caller: Caller) => authenticateApiKey(deps, token, caller),
    createApiKey: (actor: UserActor, held: readonly Scope[], input: NewKeyInput) =>
      createApiKey(deps, actor, held, input),
    listApiKeys: (actor: UserActor) => listApiKeys(deps, actor),
    revokeApiKey: (actor: UserActor, keyId: string) => revokeApiKey(deps, actor, keyId),
    createUser: (actor: Actor, input: AccountInput & { isAdmin?: boolean }) => createUser(deps, actor, input),
    listUsers: (actor: Actor) => listUsers(deps, actor),
    getUser: (userId: string) => getUser(deps, userId),
  };
};

export type Identity = ReturnType<typeof createIdentity>;
