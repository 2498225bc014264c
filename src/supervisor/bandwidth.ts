import type { RouteBandwidth } from "../domain/edge.ts";
import type { EdgeRules } from "../domain/edge-rules.ts";
import type { EnvironmentRecord } from "../domain/records.ts";
import type { MonthMeters } from "./deps.ts";

/** What the edge is told to do about an environment's bandwidth; the same all month, so the table rests. */
export const bandwidthOf = (
  environment: Pick<EnvironmentRecord, "id" | "bandwidthBytesPerMonth">,
  rules: EdgeRules,
  months: MonthMeters | null,
): RouteBandwidth | null => {
  const beganAt = months?.beganAt.get(environment.id);
  if (months === null || beganAt === undefined || rules.bandwidthPolicy === "warn") return null;
  return {
    epoch: months.epoch,
    usedUpAtBytes: beganAt + environment.bandwidthBytesPerMonth,
    endsAtMs: months.endsAtMs,
    bytesPerMonth: environment.bandwidthBytesPerMonth,
    policy: rules.bandwidthPolicy,
    bytesPerSecond: rules.bandwidthThrottleBytesPerSecond,
  };
};
