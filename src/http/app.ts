import { type Context, Hono } from "hono";
import { systemClock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import type { Identity } from "../identity/identity.ts";
import { createThrottle } from "../identity/throttle.ts";
import { apiDocsPage } from "./api-docs.tsx";
import { deploymentRoutes } from "./api/deployments.ts";
import { doctorRoutes, type DoctorRoutesDeps } from "./api/doctor.ts";
import { domainRoutes, type DomainRoutesDeps } from "./api/domains.ts";
import { eventRoutes } from "./api/events.ts";
import { storageRoutes, type StorageRoutesDeps } from "./api/storage.ts";
import { edgeRulesRoutes } from "./api/edge-rules.ts";
import { sleepRoutes } from "./api/sleep.ts";
import { trafficRoutes } from "./api/traffic.ts";
import { guardRoutes, type GuardRoutesDeps } from "./api/guard.ts";
import { hookRoutes, type HookRoutesDeps } from "./api/hooks.ts";
import { hostRoutes, type HostRoutesDeps } from "./api/host.ts";
import { httpsRoutes, type HttpsRoutesDeps } from "./api/https.ts";
import { identityRoutes } from "./api/identity.ts";
import { logRoutes, type LogRoutesDeps } from "./api/logs.ts";
import { processRoutes, type ProcessRoutesDeps } from "./api/processes.ts";
import { retentionRoutes, type RetentionRoutesDeps } from "./api/retention.ts";
import { requestRoutes, type RequestRoutesDeps } from "./api/requests.ts";
import { runRoutes, type RunRoutesDeps } from "./api/runs.ts";
import { siteRoutes, type SiteRoutesDeps } from "./api/sites.ts";
import { usageRoutes, type UsageRoutesDeps } from "./api/usage.ts";
import { mountRoutes } from "./api-route.ts";
import { authenticate } from "./auth.ts";
import { errorHandler, notFoundHandler } from "./error-response.ts";
import { createEventStreams } from "./event-streams.ts";
import { changesPerPerson, limitChanges } from "./limit-changes.ts";
import { openApiDocument } from "./openapi.ts";
import type { AppEnv } from "./request-env.ts";
import { healthRoutes, metricsRoute, type SystemRoutesDeps } from "./system-routes.ts";

export interface AppDeps
  extends
    SiteRoutesDeps,
    RetentionRoutesDeps,
    Omit<LogRoutesDeps, "streams">,
    DomainRoutesDeps,
    HookRoutesDeps,
    HostRoutesDeps,
    StorageRoutesDeps,
    ProcessRoutesDeps,
    GuardRoutesDeps,
    DoctorRoutesDeps,
    HttpsRoutesDeps,
    UsageRoutesDeps,
    RunRoutesDeps,
    Omit<RequestRoutesDeps, "streams">,
    SystemRoutesDeps {
  identity: Identity;
  log: Log;
  /** It changes when the panel's certificate comes. */
  readonly publicUrl: string;
  version: string;
  /** Mounted before sign-in: they authenticate in ways of their own. */
  git: Hono<AppEnv>;
  hooks: Hono<AppEnv>;
  /** Pages; mounted last, at the root. */
  panel: Hono<AppEnv>;
  /** The page for an error that was thrown before the panel was reached; null where it is not a page's path. */
  pageError(error: Error, c: Context<AppEnv>): Promise<Response | null>;
}

/** The daemon's whole HTTP surface. */
export const createApp = (deps: AppDeps): Hono<AppEnv> => {
  const streams = createEventStreams();
  const routes = [
    ...siteRoutes(deps),
    ...logRoutes({ ...deps, streams }),
    ...retentionRoutes(deps),
    ...deploymentRoutes({ ...deps, streams }),
    ...usageRoutes(deps),
    ...runRoutes(deps),
    ...requestRoutes({ ...deps, streams }),
    ...domainRoutes(deps),
    ...edgeRulesRoutes(deps),
    ...trafficRoutes(deps),
    ...sleepRoutes(deps),
    ...hookRoutes(deps),
    ...hostRoutes(deps),
    ...processRoutes(deps),
    ...guardRoutes(deps),
    ...doctorRoutes(deps),
    ...eventRoutes(deps),
    ...storageRoutes(deps),
    ...httpsRoutes(deps),
  ];
  const openApi = openApiDocument(routes, deps.version);
  const app = new Hono<AppEnv>();
  const problem = errorHandler(deps.log);
  app.onError(async (error, c) => (await deps.pageError(error, c)) ?? problem(error, c));
  app.notFound(notFoundHandler);
  app.route("/", healthRoutes(deps));
  app.route("/git", deps.git);
  app.route("/hooks", deps.hooks);
  app.use(authenticate(deps));
  app.use(limitChanges(createThrottle(systemClock, changesPerPerson)));
  app.get("/api/v1/openapi.json", (c) => c.json({ ...openApi, servers: [{ url: deps.publicUrl }] }));
  app.get("/api/docs", apiDocsPage(openApi));
  app.route("/api/v1", identityRoutes(deps));
  app.route("/api/v1", mountRoutes(routes));
  app.route("/", metricsRoute(deps));
  app.all("/api/*", notFoundHandler);
  app.route("/", deps.panel);
  return app;
};
