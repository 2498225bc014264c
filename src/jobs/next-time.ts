import { Cron } from "croner";

/**
 * The first time after `afterMs` that fits a cron pattern in a time zone; null when there is none any more.
 * @throws when the pattern is none; its message is croner's
 */
export const nextTime = (pattern: string, timeZone: string, afterMs: number): number | null =>
  new Cron(pattern, { timezone: timeZone, paused: true }).nextRun(new Date(afterMs))?.getTime() ?? null;
