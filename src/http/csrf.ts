import type { Context } from "hono";
import { AppError } from "../errors.ts";
import { readFormBody } from "./read-body.ts";
import type { AppEnv } from "./request-env.ts";

const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);
const maxAgeMs = 30 * 24 * 3600 * 1000;

/**
 * The token for forms of a signed-in person, field `_csrf` or header `x-csrf-token`. It is keyed with the
 * session's own token, which only the browser and this request know: it fits no other session, and pages stay
 * valid when the daemon restarts.
 */
export const csrfToken = (c: Context<AppEnv>): string => {
  const session = c.get("session");
  return session === null
    ? ""
    : Bun.CSRF.generate(session.token, { sessionId: session.id, expiresIn: maxAgeMs });
};

/**
 * Browsers say where a request comes from. `same-site` is not enough here: sites of tenants are siblings of the
 * panel's domain, and any of them may be hostile.
 */
const checkOrigin = (c: Context<AppEnv>): void => {
  const site = c.req.header("sec-fetch-site");
  const origin = c.req.header("origin");
  const foreign =
    (site !== undefined && site !== "same-origin" && site !== "none") ||
    (origin !== undefined && URL.parse(origin)?.host !== c.req.header("host")?.toLowerCase());
  if (foreign) throw new AppError("forbidden", "this request came from another website and was refused");
};

/**
 * A WebSocket is opened by a GET that any website can make a browser send, cookie included (sites of tenants are even
 * of the same site, so that SameSite does not help): with a session it must come from a page of ours, and say so.
 * @throws AppError `forbidden`
 */
export const checkUpgradeOrigin = (c: Context<AppEnv>): void => {
  if (c.get("session") !== null && c.req.header("origin") === undefined)
    throw new AppError(
      "forbidden",
      "a terminal is opened from Croft's own pages; this request does not say where it comes from",
    );
  checkOrigin(c);
};

const givenToken = async (c: Context<AppEnv>): Promise<string> => {
  const header = c.req.header("x-csrf-token");
  if (header !== undefined) return header;
  const type = c.req.header("content-type") ?? "";
  if (!/^(?:application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(type)) return "";
  const field = (await readFormBody(c))._csrf;
  return typeof field === "string" ? field : "";
};

/**
 * Cross-site request forgery: every change without an Authorization header must come from our own pages as far
 * as the browser tells, and one made with a session must carry the session's token.
 * @throws AppError `forbidden`
 */
export const checkCsrf = async (c: Context<AppEnv>): Promise<void> => {
  if (safeMethods.has(c.req.method)) return;
  checkOrigin(c);
  const session = c.get("session");
  if (session === null) return;
  const token = await givenToken(c);
  const fits =
    token !== "" &&
    Bun.CSRF.verify(token, { secret: session.token, sessionId: session.id, maxAge: maxAgeMs });
  if (!fits) throw new AppError("forbidden", "the form has expired; load the page again and repeat");
};
