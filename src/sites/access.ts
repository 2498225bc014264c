import { type Actor, mayActOnSite, type SiteAction } from "../domain/actor.ts";
import type { EnvironmentRecord, SiteRecord } from "../domain/records.ts";
import { AppError, notFound } from "../errors.ts";
import type { SiteDeps } from "./deps.ts";

export interface SiteInReach {
  site: SiteRecord;
  environment: EnvironmentRecord;
}

/**
 * The one door to a site. Somebody else's site answers exactly as one that does not exist.
 * @throws AppError `not_found`; `forbidden` when the actor may read it but not do this
 */
export const reachSite = async (
  deps: Pick<SiteDeps, "store">,
  actor: Actor,
  slug: string,
  action: SiteAction,
  environmentName = "production",
): Promise<SiteInReach> => {
  const site = await deps.store.siteBySlug(slug);
  if (!site || !(await mayReach(deps, actor, site, "read"))) throw notFound(`site ${slug}`);
  if (action !== "read" && !(await mayReach(deps, actor, site, action)))
    throw new AppError("forbidden", `your role on site ${slug} does not allow this`);
  const environment = await deps.store.environmentByName(site.id, environmentName);
  if (!environment) throw notFound(`environment ${environmentName} of site ${slug}`);
  return { site, environment };
};

export const mayReach = async (
  deps: Pick<SiteDeps, "store">,
  actor: Actor,
  site: SiteRecord,
  action: SiteAction,
): Promise<boolean> => {
  const role =
    actor.kind === "user" && site.ownerOrganizationId !== null
      ? await deps.store.roleInOrganization(site.ownerOrganizationId, actor.userId)
      : null;
  return mayActOnSite(actor, site, role, action);
};

/** The same door for what is known by its environment, such as a deployment. `what` names it in the refusal. */
export const reachEnvironment = async (
  deps: Pick<SiteDeps, "store">,
  actor: Actor,
  environmentId: string,
  action: SiteAction,
  what: string,
): Promise<SiteInReach> => {
  const environment = await deps.store.environmentById(environmentId);
  const site = environment && (await deps.store.siteById(environment.siteId));
  if (!site || site.deletedAt !== null || !(await mayReach(deps, actor, site, "read"))) throw notFound(what);
  if (action !== "read" && !(await mayReach(deps, actor, site, action)))
    throw new AppError("forbidden", `your role on site ${site.slug} does not allow this`);
  return { site, environment };
};
