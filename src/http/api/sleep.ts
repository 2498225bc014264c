import { sleepDefaultsSchema, sleepPolicySchema, sleepSchema } from "../../domain/sleep.ts";
import type { SiteDeps } from "../../sites/deps.ts";
import { showSite } from "../../sites/site-view.ts";
import {
  changeSleep,
  changeSleepDefaults,
  showSleep,
  showSleepDefaults,
  sleepSite,
  wakeSite,
} from "../../sites/sleep.ts";
import { type ApiRoute, apiRoute, environmentQuery } from "../api-route.ts";
import { operatorOnly } from "../auth.ts";

export const sleepRoutes = ({ sites }: { sites: SiteDeps }): ApiRoute[] => [
  apiRoute({
    method: "post",
    path: "/sites/:slug/sleep",
    scope: "deploy",
    summary: "Put a site to sleep: frozen in memory, or stopped; the next request wakes it",
    body: sleepSchema,
    query: environmentQuery,
    handle: async ({ actor, params, body, query }) => {
      await sleepSite(sites, actor, params.slug!, body.how, query.environment);
      return showSite(sites, actor, params.slug!, query.environment);
    },
  }),
  apiRoute({
    method: "post",
    path: "/sites/:slug/wake",
    scope: "deploy",
    summary: "Wake a site; answers once it serves, or could not be woken",
    query: environmentQuery,
    handle: async ({ actor, params, query }) => {
      await wakeSite(sites, actor, params.slug!, query.environment);
      return showSite(sites, actor, params.slug!, query.environment);
    },
  }),
  apiRoute({
    method: "get",
    path: "/sites/:slug/sleep-policy",
    scope: "read",
    summary: "When a site sleeps, whether it does, what keeps it awake, and how long it slept",
    query: environmentQuery,
    handle: ({ actor, params, query }) => showSleep(sites, actor, params.slug!, query.environment),
  }),
  apiRoute({
    method: "patch",
    path: "/sites/:slug/sleep-policy",
    scope: "deploy",
    summary: "Change when a site sleeps; null minutes follow the installation, 0 leaves that stage out",
    body: sleepPolicySchema,
    query: environmentQuery,
    handle: async ({ actor, params, body, query }) => {
      await changeSleep(sites, actor, params.slug!, body, query.environment);
      return showSleep(sites, actor, params.slug!, query.environment);
    },
  }),
  apiRoute({
    method: "get",
    path: "/host/sleep",
    scope: "read",
    summary: "How long sites may be idle before they are frozen and stopped, unless they say otherwise",
    handle: () => showSleepDefaults(sites),
  }),
  apiRoute({
    method: "patch",
    path: "/host/sleep",
    scope: "admin",
    summary: "Change how long sites may be idle unless they say otherwise; operator only",
    body: sleepDefaultsSchema,
    handle: async ({ actor, body }) => {
      operatorOnly(actor);
      return changeSleepDefaults(sites, actor, body);
    },
  }),
];
