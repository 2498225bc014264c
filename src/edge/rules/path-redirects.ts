import type { RouteRules } from "../../domain/edge.ts";

type Redirect = NonNullable<RouteRules["redirects"]>[number];

export interface Redirects {
  exact: Map<string, Redirect>;
  /** The longest first. */
  prefixes: Redirect[];
}

export const redirectsOf = (redirects: readonly Redirect[]): Redirects => ({
  exact: new Map(redirects.filter(({ prefix }) => !prefix).map((redirect) => [redirect.from, redirect])),
  prefixes: redirects.filter(({ prefix }) => prefix).sort((a, b) => b.from.length - a.from.length),
});

/**
 * Where a target (path and query, as sent) is led. Paths are compared as they were sent; a prefix ends at a slash
 * or with the path.
 */
export const redirectFor = (
  redirects: Redirects,
  target: string,
): { location: string; status: number } | null => {
  const queryAt = target.indexOf("?");
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  const query = queryAt < 0 ? "" : target.slice(queryAt);
  const exact = redirects.exact.get(path);
  if (exact !== undefined) return { location: withQuery(exact.to, query), status: exact.status };
  for (const redirect of redirects.prefixes) {
    const base = redirect.from.endsWith("/") ? redirect.from.slice(0, -1) : redirect.from;
    if (path !== base && !path.startsWith(`${base}/`)) continue;
    return {
      location: withQuery(joined(redirect.to, path.slice(base.length)), query),
      status: redirect.status,
    };
  }
  return null;
};

/** With one slash between: the rest may neither lengthen a host's name nor, at the start, name another host. */
const joined = (to: string, rest: string): string => {
  const below = rest.replace(/^[/\\]+/, "");
  if (below === "") return to;
  const [path, tail] = split(to);
  return `${path.replace(/\/$/, "")}/${below}${tail}`;
};

const split = (to: string): [path: string, tail: string] => {
  const at = to.search(/[?#]/);
  return at < 0 ? [to, ""] : [to.slice(0, at), to.slice(at)];
};

const withQuery = (to: string, query: string): string => {
  if (query === "" || to.includes("?")) return to;
  const hash = to.indexOf("#");
  return hash < 0 ? to + query : to.slice(0, hash) + query + to.slice(hash);
};
