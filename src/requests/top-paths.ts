import { z } from "zod";
import type { Actor } from "../domain/actor.ts";
import { addPaths, type PathSums, type PathView, pathView, topPaths } from "../domain/path-usage.ts";
import { pointInTime } from "../domain/point-in-time.ts";
import { bucketStart, dayMs, hourMs } from "../domain/time-bucket.ts";
import { invalid, invalidFields } from "../errors.ts";
import type { RequestDeps } from "./deps.ts";

/** How long counts by path are kept. */
export const pathsKeptMs = 8 * dayMs;
const shown = 50;

export const pathsQuerySchema = z.object({
  from: z.string().optional(),
  to: z.string().optional(),
  environment: z.string().default("production"),
});
export type PathsQuery = z.input<typeof pathsQuerySchema>;

export interface TopPaths {
  /** Whole hours in UTC. */
  from: string;
  to: string;
  /** Most requests first. */
  items: PathView[];
  /** All others together; null when there are none. */
  other: PathView | null;
}

/**
 * What visitors of a site asked for most, by method and pattern of the path, within whole hours; the last 24 hours when
 * no times are given, and the present hour up to some seconds ago.
 * @throws AppError `not_found`, `forbidden`, `invalid_input` naming the field
 */
export const listTopPaths = async (
  deps: RequestDeps,
  actor: Actor,
  slug: string,
  query: PathsQuery,
): Promise<TopPaths> => {
  const parsed = pathsQuerySchema.safeParse(query);
  if (!parsed.success) throw invalidFields(parsed.error.issues);
  const { from, to, environment: environmentName } = parsed.data;
  const nowMs = deps.clock.nowMs();
  const toMs = to === undefined ? nowMs + 1 : pointInTime("to", to, nowMs);
  const fromMs = from === undefined ? Math.min(toMs, nowMs) - 24 * hourMs : pointInTime("from", from, nowMs);
  if (fromMs >= toMs) throw invalid("from", "must lie before to");
  const { environment } = await deps.reachSite(actor, slug, "deploy", environmentName);
  const firstMs = Math.max(bucketStart("hour", fromMs), bucketStart("hour", nowMs - pathsKeptMs));
  const sums: PathSums = new Map();
  for (const hour of await deps.paths.between(environment.id, firstMs, toMs)) addPaths(sums, hour);
  const { top, other } = topPaths(sums, shown);
  return {
    from: new Date(firstMs).toISOString(),
    to: new Date(Math.min(toMs, nowMs)).toISOString(),
    items: top.map(pathView),
    other: other === null ? null : pathView(other),
  };
};

/** The edge has written its last word of an hour by then. */
const settleMs = 10_000;

/** Takes in the hours that are over, and forgets those that are past their time; to be done some times an hour. */
export const keepPaths = async (
  { paths, clock }: Pick<RequestDeps, "paths" | "clock">,
  signal: AbortSignal,
): Promise<{ files: number; forgotten: number }> => {
  const nowMs = clock.nowMs();
  const files = await paths.takeIn(bucketStart("hour", nowMs - settleMs), signal);
  return { files, forgotten: paths.deleteBefore(bucketStart("hour", nowMs - pathsKeptMs)) };
};
