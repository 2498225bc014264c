import type { AccessLine } from "../domain/access-log.ts";
import type { Actor, SiteAction } from "../domain/actor.ts";
import type { Clock } from "../domain/clock.ts";
import type { PathHour } from "../domain/path-usage.ts";
import type { EnvironmentRecord } from "../domain/records.ts";

/** What stands at one place of a log: a line, or how many are missing there. */
export type LogEntry = { line: AccessLine } | { dropped: number };

/** The access logs that the edge writes. */
export interface AccessLogs {
  /** Newest first, read as they are asked for. */
  backwards(environmentId: string): AsyncGenerator<LogEntry>;
  /** Oldest first, up to what there is now. */
  forwards(environmentId: string): AsyncGenerator<LogEntry>;
  /** The place behind the newest line; it stays valid over restarts of edge and daemon. */
  end(environmentId: string): Promise<string>;
  /** Some of what came behind a place, oldest first, each with the place behind it; a place that is gone goes on with the oldest line left. */
  after(
    environmentId: string,
    place: string,
  ): Promise<{ entries: { entry: LogEntry; place: string }[]; place: string }>;
}

/** Counts by path that are over, an hour each. */
export interface PathHours {
  /** Takes in what the edge has left for hours before this. Doing it twice changes nothing. @returns how many files */
  takeIn(beforeMs: number, signal: AbortSignal): Promise<number>;
  /** Of one environment, also what is not taken in yet; `toMs` is exclusive. */
  between(environmentId: string, fromMs: number, toMs: number): Promise<PathHour[]>;
  /** @returns how many hours were deleted */
  deleteBefore(beforeMs: number): number;
}

export interface RequestDeps {
  reachSite(
    actor: Actor,
    slug: string,
    action: SiteAction,
    environment?: string,
  ): Promise<{ environment: EnvironmentRecord }>;
  logs: AccessLogs;
  paths: PathHours;
  clock: Clock;
}
