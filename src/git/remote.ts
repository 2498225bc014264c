import { Hono, type Context } from "hono";
import type { Actor } from "../domain/actor.ts";
import { actorLabel } from "../domain/actor.ts";
import type { Log } from "../domain/log.ts";
import { formatBytes, GB } from "../domain/size.ts";
import { AppError, type ErrorCode, publicMessageOf } from "../errors.ts";
import { gitBackend, type GitService } from "./backend.ts";
import type { GitConfig } from "./git-env.ts";
import { socketVariable, tokenVariable } from "./hook-protocol.ts";
import { hookCommandEnv } from "./hook-scripts.ts";
import type { GitSite, Pushes } from "./pushes.ts";
import { ensureRepository } from "./repository.ts";
import { assertRepositoryRoom } from "./repository-size.ts";

export type GitAction = "read" | "deploy";

export interface GitRemoteDeps {
  log: Log;
  pushes: Pushes;
  /** Folder that `writeHookScripts` filled, and the socket that `serveHookSocket` listens on; absolute paths. */
  hooksDir: string;
  socketPath: string;
  /** How to start this program: absolute, with at most two arguments. */
  croftCommand: readonly string[];
  /**
   * Who holds this API key; null when nobody does.
   * @throws AppError `forbidden` when the key may not do this, `rate_limited`
   */
  authenticate(key: string, action: GitAction, c: Context): Promise<Actor | null>;
  /** The site, or null when there is none or the actor may not do this to it. */
  findSite(actor: Actor, slug: string, action: GitAction): Promise<GitSite | null>;
  maxPackBytes?: number;
  /** Of everything that was ever pushed to a site and is not forgotten yet; default 2 GB. */
  maxRepositoryBytes?: number;
  /** Longest silence of a client; default two minutes. */
  stallMs?: number;
}

/** Longest that a pusher is kept company; the deployment does not end with it. */
const deadlineMs = 60 * 60_000;
const defaultStallMs = 120_000;
/** Git processes at once: over all, and for one person, so that nobody takes them all. */
const maxCalls = 32;
const maxCallsPerActor = 8;

const statuses: Partial<Record<ErrorCode, 400 | 401 | 403 | 404 | 413 | 429 | 503>> = {
  invalid_input: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  too_large: 413,
  rate_limited: 429,
  unavailable: 503,
  engine_unavailable: 503,
};

/** Git shows the body of a refusal as `remote: …`, but only as plain text. */
const refusal = (error: unknown): Response => {
  const status = (error instanceof AppError && statuses[error.code]) || 500;
  const headers: Record<string, string> = {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
  };
  if (status === 401) headers["www-authenticate"] = 'Basic realm="Croft", charset="UTF-8"';
  if (status === 429 || status === 503)
    headers["retry-after"] = String((error instanceof AppError && error.retryAfterSeconds) || 10);
  return new Response(`${publicMessageOf(error)}\n`, { status, headers });
};

/** The password of HTTP Basic (RFC 7617); the user name is whatever git was given. */
const passwordOf = (header: string | undefined): string | null => {
  const encoded = /^basic +([a-z0-9+/=]{1,1000})$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? null : text.slice(colon + 1);
};

const receiveConfig = (deps: GitRemoteDeps): GitConfig[] => [
  ["core.hooksPath", deps.hooksDir],
  // A push that was acknowledged survives a power cut.
  ["core.fsync", "committed,reference"],
  ["core.fsyncMethod", "batch"],
  ["http.receivepack", "true"],
  ["receive.maxInputSize", String(deps.maxPackBytes ?? GB)],
  ["receive.shallowUpdate", "true"], // build servers push from shallow clones
  ["receive.denyDeleteCurrent", "ignore"],
  ["receive.keepAlive", "5"],
];

/** Fetched sources live in the same repository but are nobody's business over the remote. */
const hidden: GitConfig = ["transfer.hideRefs", "refs/croft"];

/**
 * The git remote, to be mounted at `/git`: `…/git/<slug>.git` over git's smart HTTP protocol (gitprotocol-http(5)),
 * with any user name and an API key as password. A site that does not exist and one of somebody else answer alike.
 */
export const gitRemote = (deps: GitRemoteDeps): Hono => {
  const commandEnv = hookCommandEnv(deps.croftCommand);
  const calls = new Map<string, number>();
  let total = 0;

  const take = (actor: Actor): (() => void) => {
    const who = actor.kind === "user" ? actor.userId : actor.name;
    const own = calls.get(who) ?? 0;
    if (total >= maxCalls || own >= maxCallsPerActor)
      throw new AppError("unavailable", "too many pushes and fetches run at once; try again in a moment");
    total++;
    calls.set(who, own + 1);
    return () => {
      total--;
      const left = calls.get(who)! - 1;
      if (left === 0) calls.delete(who);
      else calls.set(who, left);
    };
  };

  /** @throws AppError `unauthenticated`, `not_found`, and what the dependencies throw */
  const reach = async (c: Context, action: GitAction): Promise<{ actor: Actor; site: GitSite }> => {
    const key = passwordOf(c.req.header("authorization"));
    if (key === null)
      throw new AppError("unauthenticated", "sign in with any user name and an API key as password");
    const actor = await deps.authenticate(key, action, c);
    if (!actor) throw new AppError("unauthenticated", "the API key is wrong, expired or revoked");
    const slug = /^([a-z0-9-]{1,40})\.git$/.exec(c.req.param("repository") ?? "")?.[1];
    const site = slug === undefined ? null : await deps.findSite(actor, slug, action);
    if (!site) {
      const name = slug === undefined ? "this site" : `site ${slug}`;
      throw new AppError(
        "not_found",
        `${name} was not found, or you may not ${action === "deploy" ? "push to" : "read"} it`,
      );
    }
    return { actor, site };
  };

  const handle = async (c: Context, service: GitService, phase: "advertise" | "call"): Promise<Response> => {
    const receives = service === "git-receive-pack";
    const { actor, site } = await reach(c, receives ? "deploy" : "read");
    const limit = deps.maxPackBytes ?? GB;
    if (Number(c.req.header("content-length") ?? 0) > limit)
      throw new AppError("too_large", `a push may hold at most ${formatBytes(limit)}`);
    const release = take(actor);
    try {
      const { repoPath, branch } = site;
      const { signal } = c.req.raw;
      await ensureRepository({ repoPath, branch, signal });
      if (receives) await assertRepositoryRoom({ repoPath, maxBytes: deps.maxRepositoryBytes, signal });
    } catch (error) {
      release();
      throw error;
    }
    const push = receives && phase === "call" ? deps.pushes.open(actor, site) : null;
    const end = () => {
      release();
      if (push) deps.pushes.close(push);
    };
    return gitBackend(c.req.raw, {
      service,
      phase,
      repoPath: site.repoPath,
      config: [hidden, ...(receives ? receiveConfig(deps) : [])],
      env: push ? { ...commandEnv, [tokenVariable]: push.token, [socketVariable]: deps.socketPath } : {},
      user: actorLabel(actor),
      deadlineMs,
      stallMs: deps.stallMs ?? defaultStallMs,
      log: deps.log,
      finishWithoutClient: () => (push?.accepted ? push.settled : null),
      onEnd: end,
    });
  };

  const app = new Hono();
  app.onError((error) => {
    if (!(error instanceof AppError) || error.code === "internal")
      deps.log.error("a git request failed", { error });
    return refusal(error);
  });
  app.notFound(() => refusal(new AppError("not_found", "there is no such git address")));
  app.get("/:repository/info/refs", (c) => {
    const service = c.req.query("service");
    if (service !== "git-upload-pack" && service !== "git-receive-pack")
      return refusal(new AppError("forbidden", "only git's smart HTTP protocol is spoken here"));
    return handle(c, service, "advertise");
  });
  for (const service of ["git-upload-pack", "git-receive-pack"] as const)
    app.post(`/:repository/${service}`, (c) => handle(c, service, "call"));
  return app;
};
