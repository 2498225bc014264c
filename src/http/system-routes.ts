import { Hono } from "hono";
import { operatorOnly, requireScope } from "./auth.ts";
import type { AppEnv } from "./request-env.ts";

export interface Readiness {
  database: boolean;
  engine: boolean;
  edge: boolean;
}

export interface SystemRoutesDeps {
  readiness(): Promise<Readiness>;
  /** Prometheus text exposition format 0.0.4. */
  metrics(): Promise<string>;
}

/** For whoever watches the daemon. Alive and ready reveal nothing more than that. */
export const healthRoutes = ({ readiness }: SystemRoutesDeps): Hono<AppEnv> =>
  new Hono<AppEnv>()
    .get("/healthz", (c) => c.json({ ok: true }))
    .get("/readyz", async (c) => {
      const parts = await readiness();
      const ok = parts.database && parts.engine && parts.edge;
      return c.json({ ok, ...parts }, ok ? 200 : 503);
    });

/** For the operator: the figures name every site of the installation. */
export const metricsRoute = ({ metrics }: SystemRoutesDeps): Hono<AppEnv> =>
  new Hono<AppEnv>().get("/metrics", async (c) => {
    operatorOnly(requireScope(c, "metrics"));
    return c.text(await metrics(), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
