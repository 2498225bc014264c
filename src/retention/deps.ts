import type { Actor, SiteAction } from "../domain/actor.ts";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import type {
  AuditEntryRecord,
  DeploymentLogRecord,
  DeploymentRecord,
  DeploymentStepRecord,
  EnvironmentRecord,
} from "../domain/records.ts";
import type { DeploymentLogArchiveRecord, LogSettingsRecord } from "../domain/retention.ts";

export interface RetentionQueries {
  setting(key: string): Promise<string | null>;
  putSetting(key: string, value: string, atMs: number): Promise<void>;
  logSettingsOf(environmentId: string): Promise<LogSettingsRecord | undefined>;
  putLogSettings(record: LogSettingsRecord): Promise<void>;
  insertAudit(entry: AuditEntryRecord): Promise<void>;
}

export interface RetentionStore extends RetentionQueries {
  transaction<T>(run: (queries: RetentionQueries) => Promise<T>): Promise<T>;
  deleteAuditBefore(atMs: number, limit: number): Promise<number>;
  deleteSecurityEventsBefore(atMs: number, limit: number): Promise<number>;
  deleteEventsBefore(atMs: number, limit: number): Promise<number>;
  deleteRemovedReplicasBefore(atMs: number, limit: number): Promise<number>;
  pruneDeliveries(beforeMs: number, limit: number): Promise<number>;
  deploymentById(id: string): Promise<DeploymentRecord | undefined>;
  nextLoggedDeployment(afterId: string): Promise<string | null>;
  nextSteppedDeployment(afterId: string): Promise<string | null>;
  allStepsOf(deploymentId: string): Promise<DeploymentStepRecord[]>;
  logLinesAfter(deploymentId: string, afterSeq: number, limit: number): Promise<DeploymentLogRecord[]>;
  insertLogArchive(archive: DeploymentLogArchiveRecord): Promise<boolean>;
  logArchiveOf(deploymentId: string): Promise<DeploymentLogArchiveRecord | undefined>;
  hasLogArchive(deploymentId: string): Promise<boolean>;
  deleteLogLines(deploymentId: string, limit: number): Promise<number>;
  deleteSteps(deploymentId: string): Promise<void>;
}

export interface RetentionDeps {
  store: RetentionStore;
  clock: Clock;
  log: Log;
  reachSite(
    actor: Actor,
    slug: string,
    action: SiteAction,
    environment?: string,
  ): Promise<{ environment: EnvironmentRecord }>;
  /** What is stored of an environment's output; null where nothing is. */
  logUse(environmentId: string): Promise<{ usedBytes: number; oldestMs: number | null } | null>;
}
