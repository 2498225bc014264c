import type { Context, MiddlewareHandler } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { AppError } from "../errors.ts";
import type { Identity } from "../identity/identity.ts";
import { type Scope, scopeAllows, scopes } from "../identity/schemas.ts";
import type { NewSession } from "../identity/sessions.ts";
import { checkCsrf } from "./csrf.ts";
import { type AppEnv, callerOf, isHttps, type UserActor } from "./request-env.ts";

export { csrfToken } from "./csrf.ts";
export { type AppEnv, callerOf, clientIp, isHttps, type RequestEnv } from "./request-env.ts";

export interface AuthDeps {
  identity: Pick<Identity, "authenticateApiKey" | "authenticateSession">;
}

/** The prefix makes browsers refuse a cookie of that name set by a sibling domain, but needs HTTPS (RFC 6265bis). */
const cookieName = (c: Context<AppEnv>): string => (isHttps(c) ? "__Host-croft" : "croft_session");

const cookieOptions = (c: Context<AppEnv>) =>
  ({ httpOnly: true, sameSite: "Lax", path: "/", secure: isHttps(c) }) as const;

export const setSessionCookie = (c: Context<AppEnv>, session: NewSession): void =>
  setCookie(c, cookieName(c), session.token, {
    ...cookieOptions(c),
    expires: new Date(session.expiresAtMs),
  });

export const clearSessionCookie = (c: Context<AppEnv>): void => {
  deleteCookie(c, cookieName(c), cookieOptions(c));
};

/**
 * The key in an Authorization header. Basic (any user name, the key as password) is for git alone: a browser
 * would keep sending it by itself, which a forged request could use.
 */
const keyOf = (header: string, path: string): string => {
  const [scheme = "", value = ""] = header.split(/ +/, 2);
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() === "basic" && path.startsWith("/git/")) {
    const text = Buffer.from(value, "base64").toString("utf8");
    return text.slice(text.indexOf(":") + 1);
  }
  return "";
};

/**
 * Says who asks, in `c.get("actor")`; whether somebody must is for the routes (`requireActor`, `requireScope`).
 * An Authorization header that is there must be right; a session cookie that is not valid counts as none.
 * @throws AppError `unauthenticated`, `forbidden` (forged cross-site requests)
 */
export const authenticate =
  ({ identity }: AuthDeps): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    c.set("actor", null);
    c.set("scopes", []);
    c.set("session", null);
    c.set("stillSignedIn", () => Promise.resolve(false));
    const caller = callerOf(c);
    const admit = <Known extends { actor: UserActor }>(known: Known, look: () => Promise<Known | null>) => {
      c.set("actor", known.actor);
      c.set("stillSignedIn", async () => (await look())?.actor.isAdmin === known.actor.isAdmin);
    };
    const header = c.req.header("authorization");
    if (header !== undefined) {
      const key = keyOf(header, c.req.path);
      const look = () => identity.authenticateApiKey(key, caller);
      const known = await look();
      if (!known) throw new AppError("unauthenticated", "the API key is wrong, expired or revoked");
      admit(known, look);
      c.set("scopes", known.scopes);
      return next();
    }
    const token = getCookie(c, cookieName(c));
    if (token !== undefined) {
      const look = () => identity.authenticateSession(token, caller);
      const known = await look();
      if (known) {
        admit(known, look);
        c.set("scopes", scopes);
        c.set("session", { id: known.sessionId, token });
      }
    }
    await checkCsrf(c);
    return next();
  };

/** @throws AppError `unauthenticated` */
export const requireActor = (c: Context<AppEnv>): UserActor => {
  const actor = c.get("actor");
  if (actor === null)
    throw new AppError("unauthenticated", "sign in, or send an API key: Authorization: Bearer croft_…");
  return actor;
};

/**
 * A session holds every scope; what its user may do to an object is a question for `mayActOnSite`.
 * @throws AppError `unauthenticated`, `forbidden`
 */
export const requireScope = (c: Context<AppEnv>, needed: Scope): UserActor => {
  const actor = requireActor(c);
  if (!scopeAllows(c.get("scopes"), needed))
    throw new AppError("forbidden", `this API key does not hold the scope ${needed}`);
  return actor;
};

/** @throws AppError `forbidden` */
export const operatorOnly = (actor: UserActor): void => {
  if (!actor.isAdmin) throw new AppError("forbidden", "only the operator of this installation may do this");
};
