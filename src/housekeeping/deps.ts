import type { Clock } from "../domain/clock.ts";
import type { ImageOnDisk } from "../domain/housekeeping.ts";
import type { AuditEntryRecord, EnvironmentRecord, SiteRecord, VolumeRecord } from "../domain/records.ts";
import type { Log } from "../domain/log.ts";

export interface HousekeepingStore {
  setting(key: string): Promise<string | null>;
  putSetting(key: string, value: string, nowMs: number): Promise<void>;
  insertAudit(entry: AuditEntryRecord): Promise<void>;
  listSites(userId: string | null): Promise<SiteRecord[]>;
  environmentsOfSites(siteIds: string[]): Promise<EnvironmentRecord[]>;
  volumesOfMany(environmentIds: string[]): Promise<VolumeRecord[]>;
}

export interface HousekeepingDeps {
  store: HousekeepingStore;
  clock: Clock;
  log: Log;
  /** @throws AppError `engine_unavailable` */
  imagesOnDisk(): Promise<ImageOnDisk[]>;
  /** By which builds of this installation are told from others'. */
  buildNetwork: string;
  /** Whether a tag in Croft's namespace belongs to this installation, and to a release that is kept. */
  tagState(tag: string): Promise<"kept" | "leftover" | "foreign">;
  /** Bytes that a path takes on disk, 0 when it is not there; null when they could not be counted. */
  bytesOf(path: string): Promise<number | null>;
  paths: {
    volume(volumeId: string): string;
    volumes: string;
    repositories: string;
    staticRoot: string;
    siteLogs: string;
    accessLogs: string;
    backups: string;
    /** The database with its journal, and the files of usage figures. */
    database: string[];
    logOf(environmentId: string): string;
  };
  disk(): Promise<{ freeBytes: number; totalBytes: number }>;
  /** Layers that builds left longer ago than that and nothing needs. @returns bytes */
  pruneBuildCache(unusedForSeconds: number): Promise<number>;
  /** How old they may be by policy, in seconds. */
  buildCacheSeconds(): Promise<number>;
  /** Images of deployments that ended without a release that is kept. */
  sweepImages(): Promise<void>;
}
