import { z } from "zod";
import { formatBytes, GB, MB } from "./size.ts";

/** How long what is written down is kept, for the whole installation. */
export interface Retention {
  /** What sites print: so long, and so much of each environment, packed. */
  appLogDays: number;
  appLogBytes: number;
  /** Logs and steps of deployments; packed from then on, for ever. */
  deploymentLogDays: number;
  auditDays: number;
  securityEventDays: number;
  eventDays: number;
  /** Deliveries that came to webhooks. */
  deliveryDays: number;
  /** Rows of containers that are gone. */
  replicaDays: number;
  /** Layers that builds left, for the next build of the same app; on a disk that fills they go early. */
  buildCacheDays: number;
  /** Of each environment, to roll back to: the one that serves among them. */
  releasesKept: number;
}

export const defaultRetention: Retention = {
  appLogDays: 14,
  appLogBytes: 100 * MB,
  deploymentLogDays: 90,
  auditDays: 365,
  securityEventDays: 365,
  eventDays: 90,
  deliveryDays: 30,
  replicaDays: 30,
  buildCacheDays: 7,
  releasesKept: 5,
};

const days = (least: number, most = 3650) => {
  const message = `must be a whole number of days from ${least.toLocaleString("en")} to ${most.toLocaleString("en")}`;
  return z.number({ error: message }).int(message).min(least, message).max(most, message).optional();
};

/** Of one environment's log. Less than this could not hold the last lines of a container that failed. */
export const leastLogBytes = MB;
export const mostLogBytes = 100 * GB;

const bytesMessage = `must be ${formatBytes(leastLogBytes)} to ${formatBytes(mostLogBytes)}, in bytes`;
export const logBytesSchema = z
  .number({ error: bytesMessage })
  .int(bytesMessage)
  .min(leastLogBytes, bytesMessage)
  .max(mostLogBytes, bytesMessage);
export const logDaysSchema = z
  .number({ error: "must be a whole number of days from 1 to 365" })
  .int("must be a whole number of days from 1 to 365")
  .min(1, "must be a whole number of days from 1 to 365")
  .max(365, "must be a whole number of days from 1 to 365");

const releasesMessage = "must be a whole number from 2 to 50";

/** A month is the least for what tells who did what. */
export const retentionPatchSchema = z.strictObject({
  appLogDays: logDaysSchema.optional(),
  appLogBytes: logBytesSchema.optional(),
  deploymentLogDays: days(1),
  auditDays: days(30),
  securityEventDays: days(30),
  eventDays: days(1),
  deliveryDays: days(1),
  replicaDays: days(1),
  buildCacheDays: days(1, 365),
  releasesKept: z
    .number({ error: releasesMessage })
    .int(releasesMessage)
    .min(2, releasesMessage)
    .max(50, releasesMessage)
    .optional(),
});
export type RetentionPatch = z.infer<typeof retentionPatchSchema>;

/** A row of `log_settings`: what differs from the installation's for one environment. */
export interface LogSettingsRecord {
  environmentId: string;
  maxBytes: number | null;
  days: number | null;
  /** Set by an operator: then it may also be more than the installation's. */
  byOperator: number;
  updatedAt: number;
}

/** What a site's log takes, and what it may. */
export interface LogStorageView {
  /** False where the engine's files cannot be read: nothing is kept then. */
  stored: boolean;
  usedBytes: number;
  maxBytes: number;
  days: number;
  /** This environment's own; null where the installation's hold. */
  own: { maxBytes: number | null; days: number | null };
  /** When the oldest line that is kept was printed, about; null when there is none. */
  oldestAt: string | null;
}

/** What holds for an environment. */
export const logKeepOf = (
  retention: Retention,
  own: LogSettingsRecord | undefined,
): { maxBytes: number; days: number } => {
  const { appLogBytes, appLogDays } = retention;
  const of = (value: number | null | undefined, common: number): number =>
    value === null || value === undefined ? common : own!.byOperator === 1 ? value : Math.min(value, common);
  return { maxBytes: of(own?.maxBytes, appLogBytes), days: of(own?.days, appLogDays) };
};

/** A row of `deployment_log_archives`. */
export interface DeploymentLogArchiveRecord {
  deploymentId: string;
  lines: number;
  /** JSON of `{steps, lines}`, packed by zstd. */
  content: Uint8Array;
  archivedAt: number;
}
