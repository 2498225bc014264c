import { z } from "zod";
import { type Actor, actorLabel, systemActor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { wildcardsOver } from "../domain/certificate.ts";
import { isWildcard, isWithin, parseDomainName, parseHostName } from "../domain/host-name.ts";
import { newId } from "../domain/id.ts";
import type { CertificateRecord, DomainRecord, EnvironmentRecord, SiteRecord } from "../domain/records.ts";
import type { DomainView, OwnAddressView } from "../domain/views.ts";
import { conflict, invalid, notFound } from "../errors.ts";
import { reachSite } from "./access.ts";
import type { DomainDeps } from "./domain-deps.ts";
import { certificateOf, domainView } from "./domain-view.ts";
import { checkDomain, checkFree } from "./verify-domain.ts";

const nameBy = (parse: typeof parseHostName) =>
  z
    .string()
    .max(300, "must be at most 253 characters")
    .transform((text, context): string => {
      const parsed = parse(text);
      if ("name" in parsed) return parsed.name;
      context.addIssue({ code: "custom", message: parsed.problem });
      return z.NEVER;
    });
const hostName = nameBy(parseHostName);

export const addDomainSchema = z.strictObject({
  /** `*.example.org` for every name one label below it. */
  name: nameBy(parseDomainName),
  /** Others lead to it. */
  primary: z.boolean().optional(),
  /** Also takes the name with `www.` before it (or without), which leads to this one. */
  www: z.boolean().optional(),
});
export type AddDomainInput = z.infer<typeof addDomainSchema>;

export const changeDomainSchema = z.strictObject({
  primary: z.boolean().optional(),
  /** Another domain of the site, or null for none. */
  redirectTo: hostName.nullable().optional(),
  automaticHttps: z.boolean().optional(),
});
export type ChangeDomainInput = z.infer<typeof changeDomainSchema>;

const mostDomains = 50;
/** A claim that is not verified ends after so long. */
const claimMs = 7 * 24 * 3_600_000;

type Reached = { site: SiteRecord; environment: EnvironmentRecord };

export const listDomains = async (
  deps: DomainDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<DomainView[]> => {
  const { environment } = await reachSite(deps, actor, slug, "read", environmentName);
  return viewsOf(deps, environment.id);
};

/** The address that a site has without asking, with what it is served with. */
export const ownAddress = async (
  deps: DomainDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<OwnAddressView> => {
  const { site, environment } = await reachSite(deps, actor, slug, "read", environmentName);
  const name = deps.hostOf(site.slug, environment.name);
  const wildcard = `*.${deps.baseDomain}`;
  const coveredBy = wildcardsOver(name, [wildcard]);
  const host = { name, environmentId: environment.id, automatic: true, coveredBy };
  const certificate = certificateOf(
    host,
    await certificatesFor(deps, environment.id, [name, wildcard]),
    deps.clock.nowMs(),
  );
  return { name, url: deps.urlOfHost(name), certificate };
};

const certificatesFor = async (
  { store }: DomainDeps,
  environmentId: string,
  names: string[],
): Promise<CertificateRecord[]> => [
  ...(await store.automaticCertificates(names)),
  ...(await store.uploadedCertificatesOf(environmentId)),
  ...(await store.uploadedCertificatesOf(null)),
];

const viewsOf = async (deps: DomainDeps, environmentId: string): Promise<DomainView[]> => {
  const domains = await deps.store.domainsOf(environmentId);
  const names = domains.map(({ name }) => name);
  const certificates = await certificatesFor(deps, environmentId, names);
  const zones = await deps.challengeZones();
  return domains.map((domain) => domainView(deps, domain, domains, certificates, zones));
};

const viewOf = async (deps: DomainDeps, environmentId: string, name: string): Promise<DomainView> => {
  const view = (await viewsOf(deps, environmentId)).find((one) => one.name === name);
  if (!view) throw notFound(`domain ${name}`);
  return view;
};

const notPrimary = "must be one name: others are led to it";
const counterpart = (name: string): string => (name.startsWith("www.") ? name.slice(4) : `www.${name}`);

const checkName = (deps: DomainDeps, name: string): void => {
  // Below it, too: a site there could set cookies that the panel gets.
  if (isWithin(name, deps.panelDomain)) throw invalid("name", "is the panel's own, or under it");
  if (isWithin(name, deps.baseDomain))
    throw invalid(
      "name",
      `must not be under ${deps.baseDomain}: there each site answers at its own name without being told`,
    );
};

/**
 * Claims a domain for a site and looks at once whether it leads here; until it does the claim waits for a week and
 * is looked at again by itself. Nothing is served under a name that is not verified.
 * @throws AppError `invalid_input`; `conflict` when another site has it
 */
export const addDomain = async (
  deps: DomainDeps,
  actor: Actor,
  slug: string,
  input: AddDomainInput,
  environmentName?: string,
): Promise<DomainView> => {
  const { site, environment } = await reachSite(deps, actor, slug, "change", environmentName);
  if (isWildcard(input.name)) {
    if (input.www) throw invalid("www", "is not for a wildcard, which is for www already");
    if (input.primary) throw invalid("primary", notPrimary);
  }
  const names = [input.name, ...(input.www ? [counterpart(input.name)] : [])];
  for (const name of names) checkName(deps, name);
  const nowMs = deps.clock.nowMs();
  const rows = names.map((name, i) =>
    newDomain(environment.id, name, actor, nowMs, i > 0 ? input.name : null),
  );
  await deps.store.transaction(async (queries) => {
    if ((await queries.internalEnvironments()).has(environment.id))
      throw conflict(`${slug} is internal: no visitors are led to it; make it public first (--internal off)`);
    const present = await queries.domainsOf(environment.id);
    if (present.length + rows.length > mostDomains)
      throw conflict(`a site can have at most ${mostDomains} domains`);
    for (const row of rows) {
      if (present.some((one) => one.name === row.name))
        throw conflict(`name: ${row.name} is a domain of this site already`);
      await checkFree(queries, site, row.name);
    }
    if (input.primary) await queries.clearPrimaryDomain(environment.id);
    for (const row of rows)
      await queries.insertDomain({ ...row, isPrimary: input.primary && row === rows[0] ? 1 : 0 });
    await queries.insertAudit(
      auditEntry(actor, "domain.add", { type: "site", id: site.id }, { after: input }, nowMs),
    );
  });
  for (const row of rows) await checkDomain(deps, row, actor);
  return viewOf(deps, environment.id, input.name);
};

const newDomain = (
  environmentId: string,
  name: string,
  actor: Actor,
  nowMs: number,
  redirectTo: string | null,
): DomainRecord => ({
  id: newId("dom", nowMs),
  environmentId,
  name,
  isPrimary: 0,
  redirectTo,
  tlsOn: 1,
  verifiedAt: null,
  checkedAt: null,
  checks: 0,
  lastError: null,
  nextCheckAt: nowMs,
  expiresAt: nowMs + claimMs,
  createdAt: nowMs,
  createdBy: actorLabel(actor),
});

const reachDomain = async (
  deps: DomainDeps,
  actor: Actor,
  slug: string,
  name: string,
  environmentName: string | undefined,
): Promise<Reached & { domain: DomainRecord; all: DomainRecord[] }> => {
  const reached = await reachSite(deps, actor, slug, "change", environmentName);
  const all = await deps.store.domainsOf(reached.environment.id);
  const parsed = parseDomainName(name);
  const domain = all.find((one) => "name" in parsed && one.name === parsed.name);
  if (!domain) throw notFound(`domain ${name} of site ${slug}`);
  return { ...reached, domain, all };
};

/**
 * Looks now whether a domain leads here, and lets a certificate that failed be tried again.
 * @throws AppError `not_found`; what was found is in the answer
 */
export const verifyDomain = async (
  deps: DomainDeps,
  actor: Actor,
  slug: string,
  name: string,
  environmentName?: string,
): Promise<DomainView> => {
  const { environment, domain } = await reachDomain(deps, actor, slug, name, environmentName);
  await checkDomain(deps, domain, actor);
  const view = await viewOf(deps, environment.id, domain.name);
  // The certificate of a name that is only claimed may be somebody else's, and tries of it are counted.
  if (view.state !== "verified" || !(await deps.retryCertificate(domain.name))) return view;
  return viewOf(deps, environment.id, domain.name);
};

/**
 * Makes a domain the primary one, lets it lead to another one, or stops its certificate from being ordered.
 * @throws AppError `invalid_input` for a redirect that leads nowhere or in a circle
 */
export const changeDomain = async (
  deps: DomainDeps,
  actor: Actor,
  slug: string,
  name: string,
  input: ChangeDomainInput,
  environmentName?: string,
): Promise<DomainView> => {
  const { site, environment, domain, all } = await reachDomain(deps, actor, slug, name, environmentName);
  if (input.primary && isWildcard(domain.name)) throw invalid("primary", notPrimary);
  if (input.redirectTo != null) {
    const target = all.find((one) => one.name === input.redirectTo);
    if (!target || target === domain) throw invalid("redirectTo", "must be another domain of this site");
    if (target.redirectTo !== null)
      throw invalid("redirectTo", `must not be ${target.name}, which leads to ${target.redirectTo} itself`);
    if (input.primary ?? domain.isPrimary === 1)
      throw invalid("redirectTo", "is not for the primary domain: others lead to it");
  }
  const patch: Partial<DomainRecord> = {
    ...(input.primary !== undefined && { isPrimary: input.primary ? 1 : 0 }),
    ...(input.redirectTo !== undefined && { redirectTo: input.redirectTo }),
    ...(input.primary === true && { redirectTo: null }),
    ...(input.automaticHttps !== undefined && { tlsOn: input.automaticHttps ? 1 : 0 }),
  };
  if (Object.keys(patch).length === 0) return viewOf(deps, environment.id, domain.name);
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    if (input.primary === true) await queries.clearPrimaryDomain(environment.id);
    if (!(await queries.updateDomain(domain.id, patch))) throw notFound(`domain ${name} of site ${slug}`);
    await queries.insertAudit(
      auditEntry(
        actor,
        "domain.change",
        { type: "site", id: site.id },
        {
          before: { name: domain.name, primary: domain.isPrimary === 1, redirectTo: domain.redirectTo },
          after: input,
        },
        nowMs,
      ),
    );
  });
  await deps.onDomains();
  return viewOf(deps, environment.id, domain.name);
};

/** The site no longer answers there. @throws AppError `not_found` */
export const removeDomain = async (
  deps: DomainDeps,
  actor: Actor,
  slug: string,
  name: string,
  environmentName?: string,
): Promise<void> => {
  const { site, domain } = await reachDomain(deps, actor, slug, name, environmentName);
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    if (!(await queries.deleteDomain(domain))) throw notFound(`domain ${name} of site ${slug}`);
    await queries.insertAudit(
      auditEntry(
        actor,
        "domain.remove",
        { type: "site", id: site.id },
        { before: { name: domain.name, verified: domain.verifiedAt !== null } },
        nowMs,
      ),
    );
  });
  await deps.onDomains();
};

/** For a job: looks at claims that are due, and ends those whose time is over. */
export const checkClaims = async (deps: DomainDeps, signal: AbortSignal): Promise<void> => {
  const ended = await deps.store.deleteExpiredDomains(deps.clock.nowMs());
  if (ended.length > 0) deps.log.info("claims of domains have ended", { names: ended });
  const due = await deps.store.domainsToCheck(deps.clock.nowMs(), 20);
  // At once: one whose servers take their time must not hold up the others.
  if (!signal.aborted)
    await Promise.all(due.map((domain) => checkDomain(deps, domain, systemActor("domains"))));
};
