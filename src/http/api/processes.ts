import { addLinkSchema } from "../../domain/link.ts";
import { processNameSchema, processSettingsSchema, scaleSchema } from "../../domain/process.ts";
import { invalid } from "../../errors.ts";
import { addLink, removeLink, showConnections } from "../../sites/links.ts";
import {
  listProcesses,
  type ProcessDeps,
  removeProcess,
  scaleSite,
  setProcess,
} from "../../sites/processes.ts";
import { type ApiRoute, apiRoute, environmentQuery } from "../api-route.ts";

export interface ProcessRoutesDeps {
  processes: ProcessDeps;
}

const nameOf = (params: Record<string, string>): string => {
  const parsed = processNameSchema.safeParse(params.name);
  if (!parsed.success) throw invalid("name", parsed.error.issues[0]!.message);
  return parsed.data;
};

/** Processes of a site, how many replicas of each, and who reaches whom by name. */
export const processRoutes = ({ processes }: ProcessRoutesDeps): ApiRoute[] => {
  const { sites } = processes;
  return [
    apiRoute({
      method: "get",
      path: "/sites/:slug/processes",
      scope: "read",
      summary: "Processes of a site with their replicas; limits and figures are of each replica",
      query: environmentQuery,
      handle: async ({ actor, params, query }) => ({
        items: await listProcesses(processes, actor, params.slug!, query.environment),
      }),
    }),
    apiRoute({
      method: "put",
      path: "/sites/:slug/scale",
      scope: "write",
      summary: 'Set how many replicas of each process run, such as {"web": 3}; without a deployment',
      body: scaleSchema,
      query: environmentQuery,
      handle: async ({ actor, params, body, query }) => ({
        items: await scaleSite(processes, actor, params.slug!, body, query.environment),
      }),
    }),
    apiRoute({
      method: "put",
      path: "/sites/:slug/processes/:name",
      scope: "write",
      summary:
        "Add or change a process besides web; command and port come with the next deployment, replicas and limits hold at once",
      body: processSettingsSchema,
      query: environmentQuery,
      handle: ({ actor, params, body, query }) =>
        setProcess(processes, actor, params.slug!, nameOf(params), body, query.environment),
    }),
    apiRoute({
      method: "delete",
      path: "/sites/:slug/processes/:name",
      scope: "write",
      summary:
        "Take back what was set of a process; one that the source does not name ends with the next deployment",
      query: environmentQuery,
      handle: async ({ actor, params, query }) => {
        await removeProcess(processes, actor, params.slug!, nameOf(params), query.environment);
        return { items: await listProcesses(processes, actor, params.slug!, query.environment) };
      },
    }),
    apiRoute({
      method: "get",
      path: "/sites/:slug/links",
      scope: "read",
      summary: "Sites that this one reaches by name, and those that reach it",
      query: environmentQuery,
      handle: ({ actor, params, query }) => showConnections(sites, actor, params.slug!, query.environment),
    }),
    apiRoute({
      method: "post",
      path: "/sites/:slug/links",
      scope: "write",
      summary: "Let a site reach another of the same owner by a name",
      body: addLinkSchema,
      query: environmentQuery,
      status: 201,
      handle: ({ actor, params, body, query }) =>
        addLink(sites, actor, params.slug!, body, query.environment),
    }),
    apiRoute({
      method: "delete",
      path: "/sites/:slug/links/:name",
      scope: "write",
      summary: "Cut a link; connections over it end",
      query: environmentQuery,
      handle: async ({ actor, params, query }) => {
        await removeLink(sites, actor, params.slug!, params.name!, query.environment);
        return showConnections(sites, actor, params.slug!, query.environment);
      },
    }),
  ];
};
