import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { isWildcard, parentNames } from "../domain/host-name.ts";
import type { DomainRecord, SiteRecord } from "../domain/records.ts";
import { AppError, conflict } from "../errors.ts";
import type { SiteQueries } from "./deps.ts";
import type { DomainDeps, DomainQueries, Pointing } from "./domain-deps.ts";

/** Not verified claims are looked at again after half a minute, then ever less often, at least once an hour. */
const checkPauseMs = (checks: number): number => Math.min(3_600_000, 30_000 * 1.5 ** Math.min(checks, 20));

/**
 * Not another site's, and not below a domain of another owner: a wildcard record leads all names below it here, and
 * who may point them here is who has the domain. Names that others had before a wildcard around them stay theirs.
 */
export const checkFree = async (queries: DomainQueries, site: SiteRecord, name: string): Promise<void> => {
  const above = parentNames(name);
  const wildcards = above.map((parent) => `*.${parent}`);
  // Who has proven all names below one by its name servers' word has that one, too.
  const below = `*.${name}`;
  for (const holder of await queries.verifiedAmong([name, below, ...above, ...wildcards])) {
    if (holder.name === name) throw conflict(`name: ${name} is verified for another site here`);
    const ownerOf = (one: Pick<SiteRecord, "ownerUserId" | "ownerOrganizationId">) =>
      one.ownerUserId ?? one.ownerOrganizationId;
    const how = holder.name === below ? "is above" : "lies under";
    if (ownerOf(holder) !== ownerOf(site))
      throw conflict(`name: ${name} ${how} ${holder.name}, which is verified for somebody else here`);
  }
};

/**
 * Looks whether a domain leads here and writes down what was found. A claim that does is the site's from then on,
 * unless another site's was first. A verified domain that leads elsewhere stays the site's; its view says so.
 */
export const checkDomain = async (deps: DomainDeps, domain: DomainRecord, actor: Actor): Promise<void> => {
  const found = isWildcard(domain.name)
    ? await wildcardProven(deps, domain)
    : await deps.pointsHere(domain.name);
  const nowMs = deps.clock.nowMs();
  const looked = { checkedAt: nowMs, checks: domain.checks + 1 };
  if (!found.here || domain.verifiedAt !== null) {
    await deps.store.updateDomain(domain.id, {
      ...looked,
      lastError: found.here ? null : found.reason,
      nextCheckAt: domain.verifiedAt === null ? Math.floor(nowMs + checkPauseMs(domain.checks)) : null,
    });
    return;
  }
  try {
    await deps.store.transaction(async (queries) => {
      const site = await siteOf(queries, domain);
      if (!site) return;
      await checkFree(queries, site, domain.name);
      await queries.updateDomain(domain.id, {
        ...looked,
        verifiedAt: nowMs,
        lastError: null,
        nextCheckAt: null,
        expiresAt: null,
      });
      await queries.insertAudit(
        auditEntry(
          actor,
          "domain.verify",
          { type: "site", id: site.id },
          { after: { name: domain.name } },
          nowMs,
        ),
      );
    });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "conflict") throw error;
    await deps.store.updateDomain(domain.id, {
      ...looked,
      lastError: error.publicMessage.replace(`name: ${domain.name} `, "it "),
      nextCheckAt: Math.floor(nowMs + checkPauseMs(domain.checks)),
    });
    return;
  }
  await deps.onDomains();
};

/** What a TXT record says of whom a wildcard belongs to: an address record alone could be anybody's. */
export const proofOf = (domain: Pick<DomainRecord, "id" | "name">): { name: string; value: string } => ({
  name: `_croft.${domain.name.slice(2)}`,
  value: `croft-domain=${domain.id}`,
});

/** Whether its name servers say that the wildcard is this site's; once they did, whether names of it lead here. */
const wildcardProven = async (deps: DomainDeps, domain: DomainRecord): Promise<Pointing> => {
  if (domain.verifiedAt !== null) {
    // A name that nobody has records of its own for.
    const label = `croft-check-${Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString("hex")}`;
    const pointing = await deps.pointsHere(`${label}${domain.name.slice(1)}`);
    return pointing.here ? pointing : { here: false, reason: `of a name below, ${pointing.reason}` };
  }
  const proof = proofOf(domain);
  const texts = await deps.texts(proof.name).catch(() => null);
  if (texts === null) return { here: false, reason: "its name servers do not answer" };
  return texts.includes(proof.value)
    ? { here: true }
    : { here: false, reason: `the TXT record of ${proof.name} is not there yet` };
};

const siteOf = async (queries: SiteQueries, domain: DomainRecord): Promise<SiteRecord | undefined> => {
  const environment = await queries.environmentById(domain.environmentId);
  const site = environment && (await queries.siteById(environment.siteId));
  return site?.deletedAt === null ? site : undefined;
};
