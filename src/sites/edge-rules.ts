import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { type EdgeRules, type EdgeRulesPatch, readEdgeRules, writeEdgeRules } from "../domain/edge-rules.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps } from "./deps.ts";

export const showEdgeRules = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<EdgeRules> => {
  const { environment } = await reachSite(deps, actor, slug, "read", environmentName);
  return readEdgeRules((await deps.store.edgeRulesOf(environment.id))?.rules);
};

/**
 * Changes what the edge does for an environment; fields that are not given stay. The edge follows at once, or
 * as soon as it answers.
 */
export const setEdgeRules = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  patch: EdgeRulesPatch,
  environmentName?: string,
): Promise<EdgeRules> => {
  const { site, environment } = await reachSite(deps, actor, slug, "change", environmentName);
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    const before = readEdgeRules((await queries.edgeRulesOf(environment.id))?.rules);
    const given = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
    const after: EdgeRules = { ...before, ...given };
    await queries.putEdgeRules({
      environmentId: environment.id,
      rules: writeEdgeRules(after),
      updatedAt: nowMs,
    });
    await queries.insertAudit(
      auditEntry(actor, "site.rules", { type: "site", id: site.id }, { before, after }, nowMs),
    );
  });
  await deps.onChange.environment(environment.id);
  return showEdgeRules(deps, actor, slug, environmentName);
};
