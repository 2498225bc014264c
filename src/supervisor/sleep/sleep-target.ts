import type { RouteTarget } from "../../domain/edge.ts";
import { healthCheckSchema } from "../../domain/site.ts";
import { mostWaiting } from "../../domain/traffic.ts";
import type { LiveEnvironment } from "../deps.ts";

/** How long a start may take: as long as of a release that is new. */
export const wakeBudgetMs = ({ healthCheck }: Pick<LiveEnvironment, "healthCheck">): number =>
  healthCheckSchema.parse(JSON.parse(healthCheck)).deadlineSeconds * 1000;

/** Requests of a sleeper wait at the edge, which calls the daemon; who waits longer than a start may take is told. */
export const sleepTarget = (environment: Pick<LiveEnvironment, "healthCheck">): RouteTarget => ({
  kind: "hold",
  maxRequests: mostWaiting,
  maxMs: wakeBudgetMs(environment),
});
