/** @jsxImportSource hono/jsx */
import { type Context, Hono } from "hono";
import { assetRoutes } from "./assets.ts";
import { compressPages } from "./compress.ts";
import type { PanelDeps, PanelEnv } from "./deps.ts";
import { pageRenderer } from "./render.tsx";
import { accountRoutes } from "./routes/account-routes.tsx";
import { authRoutes } from "./routes/auth-routes.tsx";
import { deployRoutes } from "./routes/deploy-routes.tsx";
import { domainRoutes } from "./routes/domain-routes.tsx";
import { errorResponse, notFoundResponse } from "./routes/error-routes.tsx";
import { eventRoutes } from "./routes/event-routes.tsx";
import { fleetRoutes } from "./routes/fleet-routes.tsx";
import { guard } from "./routes/guard.ts";
import { hostRoutes } from "./routes/host-routes.tsx";
import { httpsRoutes } from "./routes/https-routes.tsx";
import { logRoutes } from "./routes/log-routes.tsx";
import { sleepRoutes } from "./routes/sleep-routes.tsx";
import { processRoutes } from "./routes/process-routes.tsx";
import { requestRoutes } from "./routes/request-routes.tsx";
import { rulesRoutes } from "./routes/rules-routes.tsx";
import { runRoutes } from "./routes/run-routes.tsx";
import { siteChangeRoutes } from "./routes/site-change-routes.tsx";
import { siteRoutes } from "./routes/site-routes.tsx";
import { siteSettingsRoutes } from "./routes/site-settings-routes.tsx";
import { trafficRoutes } from "./routes/traffic-routes.ts";
import { securityHeaders, setSecurityHeaders } from "./security-headers.ts";

/** Paths that belong to others: neither an unknown one nor an error among them is answered with a page. */
const foreign = /^\/(?:api|hooks|git)(?:\/|$)|^\/(?:healthz|readyz|metrics)$/;

/**
 * For the app that the panel is mounted in: the page for an error thrown before the panel was reached (a form
 * that expired, a forged one). Null when the path is not a page's.
 */
export const pageError =
  (deps: PanelDeps) =>
  async (error: Error, c: Context<PanelEnv>): Promise<Response | null> => {
    if (foreign.test(c.req.path)) return null;
    const response = await errorResponse(deps, pageRenderer(deps))(error, c);
    setSecurityHeaders(response);
    return response;
  };

/**
 * All pages and their assets, to be mounted at `/` after every other route. Expects `actor` in the context, and
 * forged requests to be refused before. Errors become pages here.
 */
export const panelRoutes = (deps: PanelDeps): Hono<PanelEnv> => {
  const page = pageRenderer(deps);
  const app = new Hono<PanelEnv>();
  app.onError(errorResponse(deps, page));

  app.use(async (c, next) => (foreign.test(c.req.path) ? c.notFound() : next()));
  app.use(securityHeaders);
  app.route("/", assetRoutes());
  app.use(compressPages);
  app.route("/", authRoutes(deps, page));
  app.use(guard(deps));
  app.route("/", fleetRoutes(deps, page));
  app.route("/", siteRoutes(deps, page));
  app.route("/", deployRoutes(deps, page));
  app.route("/", siteChangeRoutes(deps, page));
  app.route("/", processRoutes(deps, page));
  app.route("/", domainRoutes(deps, page));
  app.route("/", rulesRoutes(deps, page));
  app.route("/", siteSettingsRoutes(deps, page));
  app.route("/", trafficRoutes(deps));
  app.route("/", requestRoutes(deps, page));
  app.route("/", runRoutes(deps, page));
  app.route("/", logRoutes(deps, page));
  app.route("/", sleepRoutes(deps, page));
  app.route("/", accountRoutes(deps, page));
  app.route("/", eventRoutes(deps, page));
  app.route("/", hostRoutes(deps, page));
  app.route("/", httpsRoutes(deps, page));
  app.all("*", notFoundResponse(page));
  return app;
};
