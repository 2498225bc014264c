import { retentionPatchSchema } from "../../domain/retention.ts";
import type { RetentionDeps } from "../../retention/deps.ts";
import {
  logSettingsSchema,
  retentionOf,
  setLogStorage,
  setRetention,
  showLogStorage,
} from "../../retention/settings.ts";
import { type ApiRoute, apiRoute, environmentQuery } from "../api-route.ts";
import { operatorOnly } from "../auth.ts";

export interface RetentionRoutesDeps {
  retention: RetentionDeps;
}

/** How long what is written down is kept. */
export const retentionRoutes = ({ retention }: RetentionRoutesDeps): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/host/retention",
    scope: "admin",
    summary: "How long logs, audit rows, events and the like are kept (operators)",
    handle: async ({ actor }) => {
      operatorOnly(actor);
      return retentionOf(retention.store);
    },
  }),
  apiRoute({
    method: "put",
    path: "/host/retention",
    scope: "admin",
    summary: "Change how long some of it is kept (operators)",
    body: retentionPatchSchema,
    handle: async ({ actor, body }) => {
      operatorOnly(actor);
      return setRetention(retention, actor, body);
    },
  }),
  apiRoute({
    method: "get",
    path: "/sites/:slug/logs/storage",
    scope: "read",
    summary: "What a site's stored log takes on disk, and what it may",
    query: environmentQuery,
    handle: ({ actor, params, query }) => showLogStorage(retention, actor, params.slug!, query.environment),
  }),
  apiRoute({
    method: "put",
    path: "/sites/:slug/logs/storage",
    scope: "write",
    summary: "Change how much of a site's log is kept, and how long; null for the installation's settings",
    body: logSettingsSchema,
    query: environmentQuery,
    handle: ({ actor, params, body, query }) =>
      setLogStorage(retention, actor, params.slug!, body, query.environment),
  }),
];
