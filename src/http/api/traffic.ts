import { pauseSchema, splitSchema } from "../../domain/traffic.ts";
import type { SiteDeps } from "../../sites/deps.ts";
import { pauseSite, resumeSite } from "../../sites/pause.ts";
import { showSite } from "../../sites/site-view.ts";
import { setSplit, showSplit } from "../../sites/split.ts";
import { type ApiRoute, apiRoute, environmentQuery } from "../api-route.ts";

export const trafficRoutes = ({ sites }: { sites: SiteDeps }): ApiRoute[] => [
  apiRoute({
    method: "post",
    path: "/sites/:slug/pause",
    scope: "deploy",
    summary: "Let a site's requests wait at the edge until it is resumed, ten minutes at most",
    body: pauseSchema,
    query: environmentQuery,
    handle: async ({ actor, params, body, query }) => {
      await pauseSite(sites, actor, params.slug!, body, query.environment);
      return showSite(sites, actor, params.slug!, query.environment);
    },
  }),
  apiRoute({
    method: "post",
    path: "/sites/:slug/resume",
    scope: "deploy",
    summary: "Let the requests of a paused site go on",
    query: environmentQuery,
    handle: async ({ actor, params, query }) => {
      await resumeSite(sites, actor, params.slug!, query.environment);
      return showSite(sites, actor, params.slug!, query.environment);
    },
  }),
  apiRoute({
    method: "get",
    path: "/sites/:slug/split",
    scope: "read",
    summary: "How visitors are shared out among releases; empty when all get the current one",
    query: environmentQuery,
    handle: ({ actor, params, query }) => showSplit(sites, actor, params.slug!, query.environment),
  }),
  apiRoute({
    method: "put",
    path: "/sites/:slug/split",
    scope: "deploy",
    summary:
      "Share visitors out among kept releases by weight, the current one among them; an empty list ends it",
    body: splitSchema,
    query: environmentQuery,
    handle: ({ actor, params, body, query }) => setSplit(sites, actor, params.slug!, body, query.environment),
  }),
];
