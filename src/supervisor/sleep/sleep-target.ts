import type { RouteTarget } from "../../domain/edge.ts";
import { healthCheckSchema } from "../../domain/site.ts";
import { mostWaiting } from "../../domain/traffic.ts";
import type { LiveEnvironment } from "../deps.ts";

/** How long a start may take: as long as of a release that is new. */
export const wakeBudgetMs = ({ healthCheck }: Pick<LiveEnvironment, "healthCheck">): number => {
  // One that cannot be read must not take the routes of all others along.
  const parsed = healthCheckSchema.safeParse(JSON.parse(healthCheck));
  return (parsed.data ?? healthCheckSchema.parse({})).deadlineSeconds * 1000;
};

/** Requests of a sleeper wait at the edge, which calls the daemon; who waits longer than a start may take is told. */
export const sleepTarget = (environment: Pick<LiveEnvironment, "healthCheck">): RouteTarget => ({
  kind: "hold",
  maxRequests: mostWaiting,
  maxMs: wakeBudgetMs(environment),
});
