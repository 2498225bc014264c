import { type Actor, actorLabel } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { newId } from "../domain/id.ts";
import {
  type AddLinkInput,
  type ConnectionsView,
  linkNameSchema,
  linkVariables,
  type LinkRecord,
  type LinkView,
} from "../domain/link.ts";
import type { EnvironmentRecord, SiteRecord } from "../domain/records.ts";
import type { ReleaseConfig } from "../domain/release.ts";
import { AppError, conflict, invalid, notFound } from "../errors.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps, SiteQueries } from "./deps.ts";

const mostLinks = 20;

/** What an environment is linked to, and what is linked to it. */
export const showConnections = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<ConnectionsView> => {
  const { environment } = await reachSite(deps, actor, slug, "read", environmentName);
  const { store } = deps;
  const links: LinkView[] = [];
  for (const link of await store.linksOf(environment.id)) links.push(await linkView(store, link));
  const linkedFrom: ConnectionsView["linkedFrom"] = [];
  for (const link of await store.linksTo([environment.id])) {
    const from = await placeOf(store, link.environmentId);
    if (from) linkedFrom.push({ site: from.site.slug, environment: from.environment.name, name: link.name });
  }
  return { internal: (await store.internalEnvironments()).has(environment.id), links, linkedFrom };
};

const placeOf = async (
  store: Pick<SiteQueries, "environmentById" | "siteById">,
  environmentId: string,
): Promise<{ site: SiteRecord; environment: EnvironmentRecord } | null> => {
  const environment = await store.environmentById(environmentId);
  const site = environment && (await store.siteById(environment.siteId));
  return site ? { site, environment } : null;
};

const linkView = async (store: SiteDeps["store"], link: LinkRecord): Promise<LinkView> => {
  const place = await placeOf(store, link.targetEnvironmentId);
  const release = place?.environment.currentReleaseId
    ? await store.releaseById(place.environment.currentReleaseId)
    : undefined;
  const config = release && (JSON.parse(release.config) as ReleaseConfig);
  const port = config?.port ?? null;
  return {
    name: link.name,
    to: place?.site.slug ?? "",
    environment: place?.environment.name ?? "",
    port,
    variables: Object.keys(linkVariables(link.name, { port, http: false })),
    createdAt: new Date(link.createdAt).toISOString(),
  };
};

/**
 * Lets an environment reach another of the same owner by a name, over a network of theirs alone; the other may be
 * internal. Holds at once; the variables that tell of it come with the next start.
 * @throws AppError `invalid_input`, `not_found`, `forbidden`, `conflict`; `unavailable` when the pool is full
 */
export const addLink = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  input: AddLinkInput,
  environmentName?: string,
): Promise<LinkView> => {
  const { site, environment } = await reachSite(deps, actor, slug, "change", environmentName);
  // Who may not change the other may not open it either.
  const target = await reachSite(deps, actor, input.to, "change", environmentName);
  if (target.environment.id === environment.id)
    throw invalid("to", "is the site itself, whose processes reach each other by name anyway");
  if (
    target.site.ownerUserId !== site.ownerUserId ||
    target.site.ownerOrganizationId !== site.ownerOrganizationId
  )
    throw invalid("to", "belongs to another owner: only sites of one owner can be linked");
  if (site.type === "static")
    throw invalid("to", `${slug} is a static site: nothing runs that could reach it`);
  if (target.site.type === "static")
    throw invalid("to", `${input.to} is a static site, which has no container to be reached`);
  const named = linkNameSchema.safeParse(input.name ?? input.to);
  if (!named.success) throw invalid("name", named.error.issues[0]!.message);
  const name = named.data;
  const nowMs = deps.clock.nowMs();
  const id = newId("lnk", nowMs);
  await deps.store.transaction(async (queries) => {
    const present = await queries.linksOf(environment.id);
    if (present.length >= mostLinks) throw conflict(`a site can be linked to at most ${mostLinks} others`);
    if (present.some((one) => one.name === name))
      throw conflict(`name: ${name} is taken by another link of ${slug}; give it another with --as`);
    const same = present.find((one) => one.targetEnvironmentId === target.environment.id);
    if (same) throw conflict(`${slug} is linked to ${input.to} already, as ${same.name}`);
    if ((await processNames(queries, environment)).has(name))
      throw conflict(`name: ${name} is a process of ${slug}, which its others reach by that name`);
    const networkSlot = await queries.nextNetworkSlot(deps.networkSlots);
    if (networkSlot === null)
      throw new AppError(
        "unavailable",
        "the network pool is full; the operator can widen CROFT_NETWORK_POOL",
      );
    await queries.insertLink({
      id,
      environmentId: environment.id,
      targetEnvironmentId: target.environment.id,
      name,
      networkSlot,
      createdAt: nowMs,
      createdBy: actorLabel(actor),
      cutAt: null,
    });
    for (const object of [site, target.site])
      await queries.insertAudit(
        auditEntry(
          actor,
          "link.add",
          { type: "site", id: object.id },
          { after: { from: slug, to: input.to, name } },
          nowMs,
        ),
      );
  });
  await deps.onChange.links?.();
  const view = (await showConnections(deps, actor, slug, environmentName)).links.find(
    (one) => one.name === name,
  );
  if (!view) throw notFound(`link ${name}`);
  return view;
};

const processNames = async (
  queries: Pick<SiteQueries, "releaseById" | "processesOf">,
  environment: EnvironmentRecord,
): Promise<Set<string>> => {
  const release = environment.currentReleaseId
    ? await queries.releaseById(environment.currentReleaseId)
    : undefined;
  const config = release && (JSON.parse(release.config) as ReleaseConfig);
  const set = await queries.processesOf(environment.id);
  return new Set(["web", ...(config?.processes ?? []).map((one) => one.name), ...set.map((one) => one.name)]);
};

/**
 * Cuts a link: connections over it end, the name is known no longer.
 * @throws AppError `not_found`
 */
export const removeLink = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  name: string,
  environmentName?: string,
): Promise<void> => {
  const { site, environment } = await reachSite(deps, actor, slug, "change", environmentName);
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    const link = (await queries.linksOf(environment.id)).find((one) => one.name === name);
    if (!link || !(await queries.cutLink(link.id, nowMs))) throw notFound(`link ${name} of site ${slug}`);
    const target = await placeOf(queries, link.targetEnvironmentId);
    for (const object of target ? [site, target.site] : [site])
      await queries.insertAudit(
        auditEntry(
          actor,
          "link.remove",
          { type: "site", id: object.id },
          { before: { from: slug, to: target?.site.slug, name } },
          nowMs,
        ),
      );
  });
  await deps.onChange.links?.();
};
