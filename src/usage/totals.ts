import { bucketStart } from "../domain/time-bucket.ts";
import type { UsageTotals } from "../domain/usage.ts";
import type { UsageDeps } from "./deps.ts";
import { rolledUntil } from "./query-usage.ts";

const none: UsageTotals = {
  bytesIn: 0,
  bytesOut: 0,
  requests: 0,
  errors: 0,
  cpuSeconds: 0,
  uptimeSeconds: 0,
};

const plus = (a: UsageTotals, b: UsageTotals | undefined): UsageTotals =>
  b === undefined
    ? a
    : {
        bytesIn: a.bytesIn + b.bytesIn,
        bytesOut: a.bytesOut + b.bytesOut,
        requests: a.requests + b.requests,
        errors: a.errors + b.errors,
        cpuSeconds: a.cpuSeconds + b.cpuSeconds,
        uptimeSeconds: a.uptimeSeconds + b.uptimeSeconds,
      };

/**
 * What each environment used since the month began (UTC), up to its last sample: whole days, then whole hours,
 * then samples, each as far as it is rolled up.
 */
export const monthTotals = async (
  deps: UsageDeps,
  environmentIds: string[],
): Promise<Map<string, UsageTotals>> => {
  const startMs = bucketStart("month", deps.clock.nowMs());
  const daysMs = Math.max(startMs, await rolledUntil(deps, "day"));
  const hoursMs = Math.max(daysMs, await rolledUntil(deps, "hour"));
  const days = await deps.rollups.totalsBetween(environmentIds, "day", startMs, daysMs);
  const hours = await deps.rollups.totalsBetween(environmentIds, "hour", daysMs, hoursMs);
  const samples = deps.files.totalsBetween(environmentIds, hoursMs, Number.MAX_SAFE_INTEGER);
  return new Map(
    environmentIds.map((id) => [id, plus(plus(plus(none, days.get(id)), hours.get(id)), samples.get(id))]),
  );
};

/** `monthTotals` of one environment. */
export const monthToDate = async (deps: UsageDeps, environmentId: string): Promise<UsageTotals> =>
  (await monthTotals(deps, [environmentId])).get(environmentId) ?? none;
