import type { RouteRules } from "../domain/edge.ts";
import { defaultEdgeRules, type EdgeRules } from "../domain/edge-rules.ts";

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What the edge is told of a site's rules; null when it asks for none, which costs its requests nothing. */
export const routeRulesOf = (rules: EdgeRules): RouteRules | null => {
  const all: RouteRules = {
    allow: rules.allow,
    deny: rules.deny,
    maintenance: rules.maintenance,
    users: rules.basicAuth,
    redirects: rules.redirects,
    responseHeaders: rules.responseHeaders,
    pages: rules.pages,
    spaFallback: rules.spaFallback,
    precompressed: rules.precompressed,
    compression: rules.compression,
  };
  const defaults: Record<string, unknown> = { ...defaultEdgeRules, users: [] };
  const given = Object.entries(all).filter(([name, value]) => !same(value, defaults[name]));
  return given.length === 0 ? null : (Object.fromEntries(given) as RouteRules);
};
