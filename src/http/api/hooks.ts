import {
  createHook,
  deleteHook,
  type HookDeps,
  listDeliveries,
  listHooks,
  newHookSchema,
  rotateHook,
} from "../../deploy/hooks.ts";
import { type ApiRoute, apiRoute, environmentQuery } from "../api-route.ts";

export interface HookRoutesDeps {
  hooksOf: HookDeps;
}

export const hookRoutes = ({ hooksOf: deps }: HookRoutesDeps): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/sites/:slug/hooks",
    scope: "read",
    summary: "Inbound webhooks",
    query: environmentQuery,
    handle: async ({ actor, params, query }) => ({
      items: await listHooks(deps, actor, params.slug!, query.environment),
    }),
  }),
  apiRoute({
    method: "post",
    path: "/sites/:slug/hooks",
    scope: "write",
    summary: "Make a webhook; its secret is in this answer only",
    body: newHookSchema,
    query: environmentQuery,
    status: 201,
    handle: ({ actor, params, body, query }) =>
      createHook(deps, actor, params.slug!, body, query.environment),
  }),
  apiRoute({
    method: "post",
    path: "/sites/:slug/hooks/:id/rotate",
    scope: "write",
    summary: "Give a webhook a new secret; the old one is refused from then on",
    query: environmentQuery,
    handle: ({ actor, params, query }) =>
      rotateHook(deps, actor, params.slug!, params.id!, query.environment),
  }),
  apiRoute({
    method: "delete",
    path: "/sites/:slug/hooks/:id",
    scope: "write",
    summary: "Remove a webhook",
    query: environmentQuery,
    handle: async ({ actor, params, query }) => {
      await deleteHook(deps, actor, params.slug!, params.id!, query.environment);
      return {};
    },
  }),
  apiRoute({
    method: "get",
    path: "/sites/:slug/hooks/:id/deliveries",
    scope: "read",
    summary: "The newest deliveries of a webhook and what became of them",
    query: environmentQuery,
    handle: async ({ actor, params, query }) => ({
      items: await listDeliveries(deps, actor, params.slug!, params.id!, query.environment),
    }),
  }),
];
