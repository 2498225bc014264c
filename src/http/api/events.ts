import type { SiteDeps } from "../../sites/deps.ts";
import { eventsQuerySchema, listEvents, listSiteEvents } from "../../sites/events.ts";
import { type ApiRoute, apiRoute, environmentQuery } from "../api-route.ts";

export interface EventRoutesDeps {
  sites: SiteDeps;
}

export const eventRoutes = ({ sites }: EventRoutesDeps): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/events",
    scope: "read",
    summary: "What happened to sites without anybody asking, newest first; for operators to the host, too",
    query: eventsQuerySchema,
    handle: ({ actor, query }) => listEvents(sites, actor, query),
  }),
  apiRoute({
    method: "get",
    path: "/sites/:slug/events",
    scope: "read",
    summary: "What happened to a site without anybody asking: restarts, limits reached, sleep, newest first",
    query: eventsQuerySchema.extend(environmentQuery.shape),
    handle: ({ actor, params, query: { environment, ...query } }) =>
      listSiteEvents(sites, actor, params.slug!, query, environment),
  }),
];
