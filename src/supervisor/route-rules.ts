import type { RouteRules } from "../domain/edge.ts";
import { defaultEdgeRules, type EdgeRules, readEdgeRules } from "../domain/edge-rules.ts";
import type { Log } from "../domain/log.ts";

/**
 * The rules of one environment. Ones that cannot be read must neither take other sites' routes along nor open what
 * they protect: the site is closed meanwhile.
 */
export const storedRules = (log: Log, environmentId: string, stored: string | undefined): EdgeRules => {
  try {
    return readEdgeRules(stored);
  } catch (error) {
    log.error("the rules of an environment cannot be read; it is closed meanwhile", {
      environment: environmentId,
      error,
    });
    return { ...defaultEdgeRules, maintenance: { retryAfterSeconds: 600 } };
  }
};

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
