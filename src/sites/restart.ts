import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { isTerminal } from "../domain/deployment.ts";
import { AppError, conflict } from "../errors.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps } from "./deps.ts";

/**
 * Gives a site new containers of its current release. The present ones finish what they have. Of a process with
 * several replicas one is replaced after the other; where there is one alone, requests wait for the moment in between.
 * @throws AppError `conflict` when it is stopped, static, being deployed, or was never deployed;
 * `engine_unavailable` while the engine is away, when what serves would go and nothing could come
 */
export const restartSite = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<void> => {
  const { site, environment } = await reachSite(deps, actor, slug, "deploy", environmentName);
  await deps.store.transaction(async (queries) => {
    const present = await queries.environmentById(environment.id);
    const release = present?.currentReleaseId
      ? await queries.releaseById(present.currentReleaseId)
      : undefined;
    if (!present || !release) throw conflict(`site ${slug} has not been deployed yet`);
    if (present.stoppedReason !== null) throw conflict(`site ${slug} is stopped; start it instead`);
    if (release.imageId === null)
      throw conflict(`site ${slug} is static: nothing runs that could be restarted`);
    if (deps.engineUp?.() === false)
      throw new AppError(
        "engine_unavailable",
        "Docker does not answer: nothing could be started in place of what runs; restart the site when it does",
      );
    const [latest] = await queries.deploymentsOf(environment.id, 1, null);
    if (latest && !isTerminal(latest.status))
      throw conflict(`site ${slug} is being deployed, which starts it anew`);
    const nowMs = deps.clock.nowMs();
    const live = await queries.liveReplicasOf(environment.id);
    // Of several one after the other, by the supervisor, so that the others serve meanwhile.
    for (const own of Map.groupBy(live, ({ process }) => process).values())
      if (own.length > 1) await queries.putRollingRestart({ environmentId: environment.id, askedAt: nowMs });
      else for (const { id } of own) await queries.updateReplica(id, { state: "draining" });
    await queries.insertAudit(
      auditEntry(actor, "site.restart", { type: "site", id: site.id }, {}, deps.clock.nowMs()),
    );
  });
  await deps.onChange.environment(environment.id);
};
