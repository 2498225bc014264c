import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { longestPauseMs, type PauseInput } from "../domain/traffic.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps } from "./deps.ts";

/**
 * Lets requests of a site wait at the edge until it is resumed, or goes on by itself after ten minutes; none fails
 * that waits no longer than it may. What is in flight goes on. Pausing again begins the time anew.
 */
export const pauseSite = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  { maxSeconds }: PauseInput,
  environmentName?: string,
): Promise<void> => {
  const { site, environment } = await reachSite(deps, actor, slug, "deploy", environmentName);
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    const [before] = await queries.pausesOf([environment.id]);
    await queries.putPause({
      environmentId: environment.id,
      pausedAt: before?.pausedAt ?? nowMs,
      resumesAt: nowMs + longestPauseMs,
      maxWaitMs: maxSeconds * 1000,
    });
    const after = { maxSeconds };
    await queries.insertAudit(
      auditEntry(actor, "site.pause", { type: "site", id: site.id }, { before: null, after }, nowMs),
    );
  });
  await deps.onChange.environment(environment.id);
};

/** Lets what waits go on, in the order of its coming. Idempotent. */
export const resumeSite = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<void> => {
  const { site, environment } = await reachSite(deps, actor, slug, "deploy", environmentName);
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    if (!(await queries.deletePause(environment.id))) return;
    await queries.insertAudit(
      auditEntry(actor, "site.resume", { type: "site", id: site.id }, { before: null, after: null }, nowMs),
    );
  });
  await deps.onChange.environment(environment.id);
};
