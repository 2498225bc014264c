import { isIP } from "node:net";
import type { Context } from "hono";
import type { Actor } from "../domain/actor.ts";
import type { Scope } from "../identity/schemas.ts";
import type { Caller } from "../identity/store.ts";
import type { Upgrade } from "./web-sockets.ts";

/** Handed to the app with each request: `app.fetch(request, env)`. */
export interface RequestEnv {
  /** The other end of the TCP connection; null on a unix socket. */
  peerIp: string | null;
  /** True when that end is Croft's own edge; only then are forwarding headers believed. */
  viaEdge: boolean;
  /** Makes a WebSocket of the request; left out where the server cannot. */
  upgrade?: Upgrade;
}

export type UserActor = Extract<Actor, { kind: "user" }>;

/** The environment type of every Hono app here. */
export interface AppEnv {
  Bindings: RequestEnv;
  Variables: {
    /** Null when nobody is signed in. */
    actor: UserActor | null;
    scopes: readonly Scope[];
    /** Set when the actor came by cookie. The token is the cookie's value. */
    session: { id: string; token: string } | null;
    /** Whether key or session are still good, and the person as powerful as before; for answers that last. */
    stillSignedIn(): Promise<boolean>;
  };
}

/** The last entry is the one that the edge added; what stands before it anybody can have sent. */
const lastOf = (header: string | undefined): string | undefined => header?.split(",").at(-1)?.trim();

/** The visitor's address; null when unknown. */
export const clientIp = (c: Context<AppEnv>): string | null => {
  const forwarded = c.env.viaEdge ? lastOf(c.req.header("x-forwarded-for")) : undefined;
  return forwarded !== undefined && isIP(forwarded) !== 0 ? forwarded : c.env.peerIp;
};

/** Whether the visitor's own connection is encrypted. */
export const isHttps = (c: Context<AppEnv>): boolean =>
  c.env.viaEdge && lastOf(c.req.header("x-forwarded-proto")) === "https";

export const callerOf = (c: Context<AppEnv>): Caller => ({
  ip: clientIp(c),
  userAgent: c.req.header("user-agent")?.slice(0, 300) ?? null,
});
