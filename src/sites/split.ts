import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { type Shares, sharesInForce, type SplitInput } from "../domain/traffic.ts";
import type { SplitView } from "../domain/views.ts";
import { conflict, invalid } from "../errors.ts";
import { reachSite, type SiteInReach } from "./access.ts";
import type { SiteDeps } from "./deps.ts";
import { splitView } from "./traffic-views.ts";

export const showSplit = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<SplitView> => viewOf(deps, await reachSite(deps, actor, slug, "read", environmentName));

const viewOf = async (deps: SiteDeps, { environment }: SiteInReach): Promise<SplitView> => {
  const [stored] = await deps.store.trafficSplitsOf([environment.id]);
  return splitView(deps.store, sharesInForce(stored?.shares, environment.currentReleaseId));
};

/**
 * Shares visitors out among releases: replicas of those that do not run yet are started beside the current ones, and
 * get visitors once they answer; who has come to a release stays with it. Lasts until it is ended (no releases) or
 * the next deployment switches; replicas that are not needed any more finish what they have and stop.
 * @throws AppError `invalid_input`
 */
export const setSplit = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  { releases: asked }: SplitInput,
  environmentName?: string,
): Promise<SplitView> => {
  const place = await reachSite(deps, actor, slug, "deploy", environmentName);
  const { site, environment } = place;
  const nowMs = deps.clock.nowMs();
  const before = await viewOf(deps, place);
  await deps.store.transaction(async (queries) => {
    if (asked.length > 0 && (await queries.internalEnvironments()).has(environment.id))
      throw conflict(`${slug} is internal: it has no visitors to share out`);
    const releases = await queries.releasesOf(environment.id);
    const present = await queries.environmentById(environment.id);
    const shares: Shares = asked.map(({ release: number, weight }, i) => {
      const release = releases.find((one) => one.number === number);
      const path = `releases.${i}.release`;
      if (release === undefined || release.retiredAt !== null)
        throw invalid(path, `release ${number} is not kept any more, or never was`);
      if (release.imageId === null)
        throw invalid(path, `release ${number} is static: the edge serves it whole`);
      return { releaseId: release.id, weight };
    });
    const current = present?.currentReleaseId ?? null;
    if (shares.length === 0) await queries.deleteTrafficSplit(environment.id);
    else if (!shares.some(({ releaseId }) => releaseId === current))
      throw invalid("releases", "must include the current release, which a rollback or deployment changes");
    else
      await queries.putTrafficSplit({
        environmentId: environment.id,
        shares: JSON.stringify(shares),
        updatedAt: nowMs,
      });
    const change = { before: before.releases, after: asked };
    await queries.insertAudit(auditEntry(actor, "site.split", { type: "site", id: site.id }, change, nowMs));
  });
  await deps.onChange.environment(environment.id);
  return viewOf(deps, place);
};
