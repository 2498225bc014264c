import { edgeRulesPatchSchema } from "../../domain/edge-rules.ts";
import type { SiteDeps } from "../../sites/deps.ts";
import { setEdgeRules, showEdgeRules } from "../../sites/edge-rules.ts";
import { type ApiRoute, apiRoute, environmentQuery } from "../api-route.ts";

export const edgeRulesRoutes = ({ sites }: { sites: SiteDeps }): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/sites/:slug/rules",
    scope: "read",
    summary:
      "What the edge does for a site: limits per visitor, and what happens when its bandwidth is used up",
    query: environmentQuery,
    handle: ({ actor, params, query }) => showEdgeRules(sites, actor, params.slug!, query.environment),
  }),
  apiRoute({
    method: "put",
    path: "/sites/:slug/rules",
    scope: "write",
    summary: "Change some of a site's rules at the edge; a field that is given is replaced whole",
    body: edgeRulesPatchSchema,
    query: environmentQuery,
    handle: ({ actor, params, body, query }) =>
      setEdgeRules(sites, actor, params.slug!, body, query.environment),
  }),
];
