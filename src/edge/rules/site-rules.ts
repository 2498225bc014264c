import type { RouteRules } from "../../domain/edge.ts";
import { createPasswordCheck, type PasswordCheck } from "./password-check.ts";
import { networksOf, type Networks } from "./networks.ts";
import { redirectsOf, type Redirects } from "./path-redirects.ts";

/** A route's rules, ready for use. */
export interface SiteRules {
  allow: Networks | null;
  deny: Networks | null;
  maintenance: { retryAfterSeconds: number } | null;
  passwords: PasswordCheck | null;
  redirects: Redirects | null;
  /** Finished lines. */
  headerLines: string;
  /** Lower-case names of these. */
  headerNames: string[];
  pages: { notFound: string | null; error: string | null; maintenance: string | null };
  spaFallback: boolean;
  precompressed: boolean;
  compression: boolean;
}

/** @param before of the same route: who was found to know a password need not prove it again for a new table */
export const siteRulesOf = (
  rules: RouteRules | null | undefined,
  before: SiteRules | null,
): SiteRules | null => {
  if (rules == null) return null;
  const { allow = [], deny = [], users = [], redirects = [], responseHeaders = [], pages } = rules;
  return {
    allow: allow.length === 0 ? null : networksOf(allow),
    deny: deny.length === 0 ? null : networksOf(deny),
    maintenance: rules.maintenance ?? null,
    passwords: users.length === 0 ? null : createPasswordCheck(users, before?.passwords ?? null),
    redirects: redirects.length === 0 ? null : redirectsOf(redirects),
    headerLines: responseHeaders.map(({ name, value }) => `${name}: ${value}\r\n`).join(""),
    headerNames: responseHeaders.map(({ name }) => name.toLowerCase()),
    pages: {
      notFound: pages?.notFound ?? null,
      error: pages?.error ?? null,
      maintenance: pages?.maintenance ?? null,
    },
    spaFallback: rules.spaFallback ?? false,
    precompressed: rules.precompressed ?? false,
    compression: rules.compression ?? false,
  };
};
