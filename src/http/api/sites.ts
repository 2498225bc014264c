import { z } from "zod";
import { siteFieldsSchema } from "../../domain/site.ts";
import type { Deployments } from "../../deploy/deployments.ts";
import { createSite, createSiteSchema } from "../../sites/create-site.ts";
import { deleteSite } from "../../sites/delete-site.ts";
import type { SiteDeps } from "../../sites/deps.ts";
import { listEnvVars, setEnvSchema, setEnvVars } from "../../sites/env-vars.ts";
import { changeLimitsSchema, setLimits, showLimits } from "../../sites/limits.ts";
import { listReleases, listSites, showSite } from "../../sites/site-view.ts";
import { restartSite } from "../../sites/restart.ts";
import { startSite, stopSite } from "../../sites/stop-start.ts";
import { updateSite } from "../../sites/update-site.ts";
import {
  addVolume,
  addVolumeSchema,
  listVolumes,
  removeVolume,
  resizeVolume,
  resizeVolumeSchema,
} from "../../sites/volumes.ts";
import { type ApiRoute, apiRoute, environmentQuery } from "../api-route.ts";

export interface SiteRoutesDeps {
  sites: SiteDeps;
  deployments: Deployments;
}

/** The list is of one environment, the one that each site has. */
const listQuery = z.object({
  environment: z.enum(["production"], { error: "must be one of production" }).default("production"),
});

const states = [
  { verb: "stop", summary: "Stop a site until it is started again", act: stopSite },
  { verb: "start", summary: "Start a stopped site", act: startSite },
  {
    verb: "restart",
    summary: "Give a site new containers of its current release; requests wait meanwhile",
    act: restartSite,
  },
];

export const siteRoutes = (deps: SiteRoutesDeps): ApiRoute[] => {
  const { sites } = deps;
  return [
    apiRoute({
      method: "get",
      path: "/sites",
      scope: "read",
      summary: "Sites you own, alone or through an organisation; all of them for an operator",
      query: listQuery,
      handle: async ({ actor }) => ({ items: await listSites(sites, actor) }),
    }),
    apiRoute({
      method: "post",
      path: "/sites",
      scope: "write",
      summary: "Create a site; with a repository URL or an image it is deployed at once",
      body: createSiteSchema,
      status: 201,
      handle: async ({ actor, body }) => {
        const site = await createSite(sites, actor, body);
        const deployment =
          site.repositoryUrl || site.image
            ? await deps.deployments.deploy(actor, site.slug, {}, "api")
            : undefined;
        return { ...(await showSite(sites, actor, site.slug)), deployment };
      },
    }),
    apiRoute({
      method: "get",
      path: "/sites/:slug",
      scope: "read",
      summary: "One site",
      query: environmentQuery,
      handle: ({ actor, params, query }) => showSite(sites, actor, params.slug!, query.environment),
    }),
    apiRoute({
      method: "patch",
      path: "/sites/:slug",
      scope: "write",
      summary: "Change a site; how it is built and started takes effect with the next deployment",
      body: siteFieldsSchema,
      handle: async ({ actor, params, body }) => {
        await updateSite(sites, actor, params.slug!, body);
        return showSite(sites, actor, params.slug!);
      },
    }),
    apiRoute({
      method: "delete",
      path: "/sites/:slug",
      scope: "write",
      summary: "Delete a site; volumes stay unless volumes=true",
      query: z.object({
        confirm: z.string().optional(),
        volumes: z.enum(["true", "false"], { error: "must be true or false" }).default("false"),
      }),
      status: 202,
      handle: async ({ actor, params, query }) => {
        return deleteSite(sites, actor, params.slug!, {
          confirm: query.confirm,
          volumes: query.volumes === "true",
        });
      },
    }),
    ...states.map(({ verb, summary, act }) =>
      apiRoute({
        method: "post",
        path: `/sites/:slug/${verb}`,
        scope: "deploy",
        summary,
        handle: async ({ actor, params }) => {
          await act(sites, actor, params.slug!);
          return showSite(sites, actor, params.slug!);
        },
      }),
    ),
    apiRoute({
      method: "get",
      path: "/sites/:slug/limits",
      scope: "read",
      summary: "Limits as asked for, and as the kernel was last seen to hold them",
      query: environmentQuery,
      handle: ({ actor, params, query }) => showLimits(sites, actor, params.slug!, query.environment),
    }),
    apiRoute({
      method: "put",
      path: "/sites/:slug/limits",
      scope: "write",
      summary: "Change some limits; they apply live, without a restart",
      body: changeLimitsSchema,
      query: environmentQuery,
      handle: ({ actor, params, body, query }) =>
        setLimits(sites, actor, params.slug!, body, query.environment),
    }),
    apiRoute({
      method: "get",
      path: "/sites/:slug/releases",
      scope: "read",
      summary: "Releases, newest first",
      query: environmentQuery,
      handle: async ({ actor, params, query }) => ({
        items: await listReleases(sites, actor, params.slug!, query.environment),
      }),
    }),
    apiRoute({
      method: "get",
      path: "/sites/:slug/env",
      scope: "read",
      summary: "Env vars; values of secret ones are not shown",
      query: environmentQuery,
      handle: async ({ actor, params, query }) => ({
        items: await listEnvVars(sites, actor, params.slug!, query.environment),
      }),
    }),
    apiRoute({
      method: "put",
      path: "/sites/:slug/env",
      scope: "write",
      summary: "Set and unset env vars; they reach the app with its next release",
      body: setEnvSchema,
      query: environmentQuery,
      handle: async ({ actor, params, body, query }) => ({
        items: await setEnvVars(sites, actor, params.slug!, body, query.environment),
        note: "takes effect with the next deployment",
      }),
    }),
    apiRoute({
      method: "get",
      path: "/sites/:slug/volumes",
      scope: "read",
      summary: "Named volumes",
      query: environmentQuery,
      handle: async ({ actor, params, query }) => ({
        items: await listVolumes(sites, actor, params.slug!, query.environment),
      }),
    }),
    apiRoute({
      method: "post",
      path: "/sites/:slug/volumes",
      scope: "write",
      summary: "Add a named volume; it is mounted from the next deployment on",
      body: addVolumeSchema,
      query: environmentQuery,
      status: 201,
      handle: ({ actor, params, body, query }) =>
        addVolume(sites, actor, params.slug!, body, query.environment),
    }),
    apiRoute({
      method: "patch",
      path: "/sites/:slug/volumes/:name",
      scope: "write",
      summary: "Make a volume larger while the site runs",
      body: resizeVolumeSchema,
      query: environmentQuery,
      handle: ({ actor, params, body, query }) =>
        resizeVolume(sites, actor, params.slug!, params.name!, body, query.environment),
    }),
    apiRoute({
      method: "delete",
      path: "/sites/:slug/volumes/:name",
      scope: "write",
      summary: "Remove a volume and all data in it",
      query: environmentQuery.extend({ confirm: z.string().optional() }),
      handle: async ({ actor, params, query }) => {
        await removeVolume(sites, actor, params.slug!, params.name!, query.confirm, query.environment);
        return {};
      },
    }),
  ];
};
