import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps } from "./deps.ts";

/** Stops a site until it is started again: its replicas go, visitors see a page that says so. Idempotent. */
export const stopSite = (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<void> => setStopped(deps, actor, slug, "asked", environmentName);

/** Starts a stopped site, also one that Croft stopped for its disk. Idempotent. */
export const startSite = (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<void> => setStopped(deps, actor, slug, null, environmentName);

const setStopped = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  stoppedReason: "asked" | null,
  environmentName: string | undefined,
): Promise<void> => {
  const { site, environment } = await reachSite(deps, actor, slug, "deploy", environmentName);
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    await queries.updateEnvironment(environment.id, { stoppedReason });
    await queries.insertAudit(
      auditEntry(
        actor,
        stoppedReason === null ? "site.start" : "site.stop",
        { type: "site", id: site.id },
        { before: { stoppedReason: environment.stoppedReason }, after: { stoppedReason } },
        nowMs,
      ),
    );
  });
  await deps.onChange.environment(environment.id);
};
