import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { newId } from "../domain/id.ts";
import type { UserRecord } from "../domain/records.ts";
import type { IdentityDeps } from "./deps.ts";
import type { Caller } from "./store.ts";
import { hashToken, randomText } from "./tokens.ts";

type UserActor = Extract<Actor, { kind: "user" }>;

const dayMs = 24 * 3600 * 1000;
export const sessionIdleMs = 7 * dayMs;
export const sessionMaxMs = 30 * dayMs;
const tokenLength = 48;

export interface NewSession {
  /** Goes into the cookie; the database keeps its hash alone. */
  token: string;
  expiresAtMs: number;
}

/** Always a new token: one that was planted before signing in is worth nothing afterwards. */
export const startSession = async (
  { store, clock }: Pick<IdentityDeps, "store" | "clock">,
  user: Pick<UserRecord, "id" | "username" | "isAdmin">,
  caller: Caller,
): Promise<NewSession> => {
  const now = clock.nowMs();
  const token = randomText(tokenLength);
  const id = newId("ses", now);
  const actor: UserActor = {
    kind: "user",
    userId: user.id,
    username: user.username,
    isAdmin: user.isAdmin === 1,
    via: "session",
    ...caller,
  };
  await store.transaction(async (queries) => {
    await queries.insertSession({
      id,
      userId: user.id,
      tokenHash: hashToken(token),
      ip: caller.ip,
      userAgent: caller.userAgent,
      createdAt: now,
      lastSeenAt: now,
      expiresAt: now + sessionMaxMs,
      endedAt: null,
      endedWhy: null,
    });
    await queries.updateUser(user.id, { lastLoginAt: now });
    await queries.insertAudit(auditEntry(actor, "session.start", { type: "session", id }, {}, now));
  });
  return { token, expiresAtMs: now + sessionMaxMs };
};

/** Null when the session is unknown, ended, idle for 7 days, older than 30 days, or its user inactive. */
export const authenticateSession = async (
  { store, clock }: Pick<IdentityDeps, "store" | "clock">,
  token: string,
  caller: Caller,
): Promise<{ actor: UserActor; sessionId: string } | null> => {
  if (token.length !== tokenLength) return null;
  const session = await store.sessionByTokenHash(hashToken(token));
  const now = clock.nowMs();
  if (!session || session.endedAt !== null || session.isActive !== 1) return null;
  if (session.expiresAt <= now || session.lastSeenAt + sessionIdleMs <= now) return null;
  if (now - session.lastSeenAt >= 60_000) await store.touchSession(session.id, now);
  const { userId, username, isAdmin } = session;
  return {
    actor: { kind: "user", userId, username, isAdmin: isAdmin === 1, via: "session", ...caller },
    sessionId: session.id,
  };
};

/** Signing out twice is fine. */
export const endSession = async (
  { store, clock }: Pick<IdentityDeps, "store" | "clock">,
  actor: UserActor,
  sessionId: string,
): Promise<void> => {
  const now = clock.nowMs();
  await store.transaction(async (queries) => {
    if (await queries.endSession(sessionId, "signed out", now))
      await queries.insertAudit(
        auditEntry(actor, "session.end", { type: "session", id: sessionId }, {}, now),
      );
  });
};

/** For the nightly job: removes what can never be used again. @returns how many */
export const pruneSessions = ({ store, clock }: Pick<IdentityDeps, "store" | "clock">): Promise<number> =>
  store.deleteSessionsBefore({
    seenBeforeMs: clock.nowMs() - sessionIdleMs,
    expiresBeforeMs: clock.nowMs(),
  });
