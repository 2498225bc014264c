import type { AuditEntryRecord } from "../domain/records.ts";
import type { Clock } from "../domain/clock.ts";
import type { EventRecord } from "../domain/event.ts";
import type { GuardActRecord } from "../domain/guard.ts";
import type { Log } from "../domain/log.ts";
import type { Consumption } from "./suspects.ts";

export interface GuardQueries {
  setting(key: string): Promise<string | null>;
  putSetting(key: string, value: string, atMs: number): Promise<void>;
  insertGuardAct(act: GuardActRecord): Promise<void>;
  deleteGuardAct(eventId: string): Promise<boolean>;
  allGuardActs(): Promise<GuardActRecord[]>;
  guardEvents(limit: number): Promise<EventRecord[]>;
  insertEvent(event: EventRecord): Promise<void>;
  endEvent(id: string, atMs: number): Promise<boolean>;
  insertAudit(entry: AuditEntryRecord): Promise<void>;
}

export interface GuardStore extends GuardQueries {
  transaction<T>(run: (queries: GuardQueries) => Promise<T>): Promise<T>;
}

/** An environment whose containers the guard may slow down or pause. */
export interface GuardSite {
  siteId: string;
  environmentId: string;
  slug: string;
  environment: string;
  /** What one of its replicas may use. */
  cpuMillicores: number;
  /** Others of its owner depend on it: a database, a cache. */
  isInternal: boolean;
  /** Its replicas, and its commands and jobs in containers of their own. */
  replicaIds: string[];
}

/** In `consumption`: all builds together. They are nobody's replica, but what they use is no site's fault. */
export const buildsMeter = "builds";

export interface GuardDeps {
  store: GuardStore;
  clock: Clock;
  log: Log;
  /** CROFT_GUARD=off: it looks and tells, but does nothing. */
  isOn: boolean;
  cores: number;
  /** Places whose disks may not run full: the data directory, the engine's own. */
  folders(): Promise<string[]>;
  sites(): Promise<GuardSite[]>;
  /** What replicas use; with what they write only when asked, since that costs more. */
  consumption(withWrites: boolean): Promise<Consumption[]>;
  /** These replicas, and no others, get processors only while nobody else wants them. @returns those that do no more */
  letOthersFirst(replicaIds: ReadonlySet<string>): string[];
  /** Brings limits, pauses and routes of an environment in line with the acts in force. Idempotent. */
  apply(environmentId: string): Promise<void>;
  /**
   * Puts idle sites to sleep whose policy allows it; frozen they give back processors, stopped memory, too.
   * @returns their environments
   */
  sleepIdle(why: string, how: "freeze" | "stop"): Promise<string[]>;
}
