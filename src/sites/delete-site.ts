import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import type { ConnectionsView } from "../domain/link.ts";
import { invalid, notFound } from "../errors.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps } from "./deps.ts";
import { showConnections } from "./links.ts";

/**
 * Deletes a site: its route goes at once, its containers, networks, images and files right after. Volumes stay
 * on disk unless `volumes` says otherwise. Facts and the usage ledger stay.
 * @returns the sites that lose their link to it
 * @throws AppError `invalid_input` when `confirm` is not the site's slug
 */
export const deleteSite = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  options: { confirm: string | undefined; volumes: boolean },
): Promise<{ unlinked: ConnectionsView["linkedFrom"] }> => {
  const { site } = await reachSite(deps, actor, slug, "delete");
  if (options.confirm !== slug) throw invalid("confirm", `must be the site's name, ${slug}`);
  const { linkedFrom: unlinked } = await showConnections(deps, actor, slug);
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    if (!(await queries.markSiteDeleted(site.id, nowMs, options.volumes))) throw notFound(`site ${slug}`);
    await queries.deleteDomainsOfSite(site.id);
    await queries.cutLinksOfSite(site.id, nowMs);
    await queries.insertAudit(
      auditEntry(
        actor,
        "site.delete",
        { type: "site", id: site.id },
        { before: { slug: site.slug, name: site.name }, after: { volumes: options.volumes } },
        nowMs,
      ),
    );
  });
  deps.onChange.deleted(site.id);
  return { unlinked };
};
