import { isWildcard } from "./host-name.ts";
import type { DomainRecord } from "./records.ts";

type Domain = Pick<DomainRecord, "name" | "isPrimary" | "redirectTo" | "verifiedAt">;

/**
 * Where visitors of a domain are sent: to the one it names, otherwise to the site's primary domain if there is one.
 * Only verified domains count; of a chain the end.
 * @param all the environment's domains
 * @returns null when the site answers there itself
 */
export const redirectOf = (domain: Domain, all: readonly Domain[]): string | null => {
  const verified = all.filter((one) => one.verifiedAt !== null);
  const primary = verified.find((one) => one.isPrimary === 1);
  const next = (from: Domain): Domain | undefined =>
    from.isPrimary === 1
      ? undefined
      : // The names of a wildcard are told apart by the site itself.
        (verified.find((one) => one.name === from.redirectTo) ??
        (isWildcard(from.name) ? undefined : primary));
  const seen = new Set<string>([domain.name]);
  let end: Domain | undefined;
  for (let at = next(domain); at !== undefined && !seen.has(at.name); at = next(at)) {
    seen.add(at.name);
    end = at;
  }
  return end?.name ?? null;
};

/** Verified domains that the site answers at itself, in the order given. */
export const servingDomains = (all: readonly Domain[]): string[] =>
  all
    .filter((domain) => domain.verifiedAt !== null && redirectOf(domain, all) === null)
    .map(({ name }) => name);
