import { bucketStart, hourMs } from "../domain/time-bucket.ts";
import { samplePoint, type UsageTotals } from "../domain/usage.ts";
import type { UsagePoint } from "../domain/views.ts";
import type { UsageDeps } from "./deps.ts";
import { rolledUntil } from "./query-usage.ts";
import { monthTotals } from "./totals.ts";

/** What a page of many sites shows of one. */
export interface LatestUsage {
  /** From the last tick; null when the environment neither ran nor served then. */
  last: UsagePoint | null;
  /** The last 60 minutes. */
  requestsLastHour: number;
  errorsLastHour: number;
  /** 24 hours of the clock, oldest first; the last one is the open hour. */
  requestsByHour: number[];
  month: UsageTotals;
}

/** By known tick and by bucket, a few milliseconds for hundreds of environments. */
export const latestUsage = async (
  deps: UsageDeps,
  environmentIds: string[],
): Promise<Map<string, LatestUsage>> => {
  const { files, rollups, clock } = deps;
  const nowMs = clock.nowMs();
  const tickMs = files.lastTickMs();
  const last = new Map(
    (tickMs === null ? [] : files.samplesAt(tickMs, environmentIds)).map((sample) => [
      sample.environmentId,
      samplePoint(sample),
    ]),
  );
  const lastHour = files.totalsBetween(environmentIds, nowMs - hourMs, nowMs + 1);

  const firstMs = bucketStart("hour", nowMs) - 23 * hourMs;
  // A roll-up that lags far behind leaves gaps in a small chart for a while; reading a day of samples would stall.
  const openMs = Math.max(await rolledUntil(deps, "hour"), bucketStart("hour", nowMs) - hourMs);
  const rolled = await rollups.requestsByHour(environmentIds, firstMs, openMs);
  const open = files.requestsByHour(environmentIds, openMs, nowMs + 1);
  const months = await monthTotals(deps, environmentIds);

  return new Map(
    environmentIds.map((id) => [
      id,
      {
        last: last.get(id) ?? null,
        requestsLastHour: lastHour.get(id)?.requests ?? 0,
        errorsLastHour: lastHour.get(id)?.errors ?? 0,
        requestsByHour: Array.from({ length: 24 }, (_, i) => {
          const hour = firstMs + i * hourMs;
          return open.get(id)?.get(hour) ?? rolled.get(id)?.get(hour) ?? 0;
        }),
        month: months.get(id)!,
      },
    ]),
  );
};
