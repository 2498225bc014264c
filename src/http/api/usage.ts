import { z } from "zod";
import type { Actor } from "../../domain/actor.ts";
import type { Limits } from "../../domain/limits.ts";
import type { UsagePoint } from "../../domain/views.ts";
import { type ApiRoute, apiRoute } from "../api-route.ts";

export interface UsageRoutesDeps {
  usage(
    actor: Actor,
    slug: string,
    query: { resolution: "raw" | "hour" | "day"; from?: string; to?: string },
    environment: string,
  ): Promise<{ items: UsagePoint[]; limits: Limits }>;
}

export const usageRoutes = (deps: UsageRoutesDeps): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/sites/:slug/usage",
    scope: "read",
    summary: "Samples, hours or days of usage, oldest first",
    query: z.object({
      resolution: z.enum(["raw", "hour", "day"], { error: "must be raw, hour or day" }).default("hour"),
      from: z.string().optional(),
      to: z.string().optional(),
      environment: z.string().default("production"),
    }),
    handle: async ({ actor, params, query: { environment, ...query } }) => ({
      resolution: query.resolution,
      ...(await deps.usage(actor, params.slug!, query, environment)),
    }),
  }),
];
