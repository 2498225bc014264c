import type { Clock } from "../domain/clock.ts";
import type { DiskKeepingRecord, DiskSpace, HardVolumes, VolumeStorageRecord } from "../domain/disk.ts";
import type { EdgeHealth, RouteTable, RouteTarget } from "../domain/edge.ts";
import type { Engine } from "../domain/engine.ts";
import type { EventKind, EventRecord } from "../domain/event.ts";
import type { Log } from "../domain/log.ts";
import type { GuardActRecord } from "../domain/guard.ts";
import type { LinkRecord } from "../domain/link.ts";
import type { RunRecord } from "../domain/run.ts";
import type { ProcessRecord, RollingRestartRecord } from "../domain/process.ts";
import type {
  AuditEntryRecord,
  BandwidthUsedUpRecord,
  DeploymentRecord,
  DomainRecord,
  EdgeRulesRecord,
  EnvironmentRecord,
  PauseRecord,
  ReleaseRecord,
  ReplicaRecord,
  ReplicaRowState,
  SiteRecord,
  TrafficSplitRecord,
  VolumeRecord,
} from "../domain/records.ts";

import type { SleepEdge, SleepQueries } from "./sleep/deps.ts";

import type { SleepRecord } from "../domain/sleep.ts";
import type { CpuBurstRecord, ReplicaExitRecord, RestorePriorityRecord } from "../domain/supervision.ts";

export type LiveEnvironment = EnvironmentRecord & { slug: string };

export interface SupervisorStore extends SupervisorQueries {
  transaction<T>(run: (queries: SupervisorQueries) => Promise<T>): Promise<T>;
}

export interface SupervisorQueries extends SleepQueries {
  liveEnvironments(): Promise<LiveEnvironment[]>;
  verifiedDomains(): Promise<DomainRecord[]>;
  allEdgeRules(): Promise<EdgeRulesRecord[]>;
  allPauses(): Promise<PauseRecord[]>;
  endPause(pause: PauseRecord): Promise<boolean>;
  allTrafficSplits(): Promise<TrafficSplitRecord[]>;
  allBandwidthUsedUp(): Promise<BandwidthUsedUpRecord[]>;
  noteBandwidthUsedUp(record: BandwidthUsedUpRecord): Promise<boolean>;
  forgetBandwidthUsedUp(environmentId: string): Promise<void>;
  environmentById(id: string): Promise<EnvironmentRecord | undefined>;
  environmentsOfSite(siteId: string): Promise<EnvironmentRecord[]>;
  nextNetworkSlot(slots: number): Promise<number | null>;
  updateEnvironment(id: string, patch: Partial<EnvironmentRecord>): Promise<void>;
  siteById(id: string): Promise<SiteRecord | undefined>;
  sitesToClean(): Promise<SiteRecord[]>;
  markSiteCleaned(id: string, atMs: number): Promise<void>;
  volumesOf(environmentId: string): Promise<VolumeRecord[]>;
  deleteVolume(id: string): Promise<boolean>;
  volumeStorageOf(environmentIds: string[]): Promise<Map<string, VolumeStorageRecord>>;
  allVolumeStorage(): Promise<VolumeStorageRecord[]>;
  updateVolumeStorage(volumeId: string, patch: Partial<VolumeStorageRecord>): Promise<void>;
  diskKeepingOf(environmentIds: string[]): Promise<Map<string, DiskKeepingRecord>>;
  changeDiskKeeping(
    environmentId: string,
    patch: Partial<Omit<DiskKeepingRecord, "environmentId">>,
  ): Promise<void>;
  openDeployments(): Promise<DeploymentRecord[]>;
  openRuns(): Promise<RunRecord[]>;
  releaseById(id: string): Promise<ReleaseRecord | undefined>;
  releasesOf(environmentId: string): Promise<ReleaseRecord[]>;
  retireRelease(id: string, atMs: number): Promise<void>;
  insertReplica(replica: ReplicaRecord): Promise<void>;
  updateReplica(id: string, patch: Partial<ReplicaRecord>): Promise<void>;
  moveReplica(id: string, from: ReplicaRowState, patch: Partial<ReplicaRecord>): Promise<boolean>;
  replicaById(id: string): Promise<ReplicaRecord | undefined>;
  liveReplicas(): Promise<ReplicaRecord[]>;
  liveReplicasOf(environmentId: string): Promise<ReplicaRecord[]>;
  insertAudit(entry: AuditEntryRecord): Promise<void>;
  insertEvent(event: EventRecord): Promise<void>;
  processesOf(environmentId: string): Promise<ProcessRecord[]>;
  allProcesses(): Promise<ProcessRecord[]>;
  environmentsWithoutWeb(): Promise<Set<string>>;
  rollingRestarts(): Promise<RollingRestartRecord[]>;
  endRollingRestart(restart: RollingRestartRecord): Promise<void>;
  internalEnvironments(): Promise<Set<string>>;
  allLinks(): Promise<LinkRecord[]>;
  linksOf(environmentId: string): Promise<LinkRecord[]>;
  deleteLink(id: string): Promise<void>;
  moveLink(id: string, networkSlot: number): Promise<void>;
  closedEgress(): Promise<Set<string>>;
  guardActsOf(environmentIds: string[]): Promise<GuardActRecord[]>;
  allGuardActs(): Promise<GuardActRecord[]>;
  openRuns(): Promise<RunRecord[]>;
  allSleeps(): Promise<SleepRecord[]>;
  allRestorePriorities(): Promise<RestorePriorityRecord[]>;
  allCpuBursts(): Promise<CpuBurstRecord[]>;
  cpuBurstOf(environmentId: string): Promise<CpuBurstRecord | undefined>;
  putReplicaExit(exit: ReplicaExitRecord): Promise<void>;
  endEvent(id: string, atMs: number): Promise<boolean>;
  openEvents(kind: EventKind): Promise<EventRecord[]>;
}

export interface EdgeControl extends SleepEdge {
  health(): Promise<EdgeHealth>;
  putTable(table: RouteTable): Promise<unknown>;
}

/** Where the edge's counters stood when the month began. */
export interface MonthMeters {
  /** Life of the counters that the figures belong to. */
  epoch: string;
  /** The month's end, wall time. */
  endsAtMs: number;
  /** Bytes in and out together by environment; below zero when counters of this month were lost. */
  beganAt: ReadonlyMap<string, number>;
  /** In and out since then. */
  usedBytes: ReadonlyMap<string, number>;
}

export interface SupervisorPaths {
  repository(siteId: string): string;
  staticRelease(releaseId: string): string;
  volume(volumeId: string): string;
}

export interface SupervisorDeps {
  store: SupervisorStore;
  engine: Engine;
  edge: EdgeControl;
  clock: Clock;
  log: Log;
  paths: SupervisorPaths;
  /** A path of this installation as the edge, another user, can open it. */
  edgePath(path: string): string;
  networkPool: string;
  stopGraceSeconds: number;
  /** Waits until nothing is in flight on the replicas, and cuts what is left at a deadline. */
  drain(replicaIds: string[]): Promise<unknown>;
  openSecret(ciphertext: string, place: string): Promise<string>;
  hostOf(slug: string, environment: string): string;
  /** False when this installation runs without an edge; nothing is published then. */
  edgeOn: boolean;
  /** Addresses and networks of proxies in front of the edge. */
  trustedProxies: string[];
  /** The panel's own route. */
  panel: { hosts: string[]; target: RouteTarget };
  /** Null while nothing was measured yet. */
  monthMeters(environmentIds: string[]): Promise<MonthMeters | null>;
  hardVolumes: HardVolumes;
  /** Of the file systems that sites can fill: the engine's and that of the volumes, each once. */
  diskSpace(): Promise<DiskSpace[]>;
  /** Bytes that a folder takes on disk, 0 when it is not there; null when it could not be counted in time. */
  folderBytes(path: string, options?: { urgent?: boolean }): Promise<number | null>;
  /** Removes what an app could write to, however it is nested. */
  removeFolder(path: string): Promise<void>;
  /** The first time after that one which fits a cron pattern; null when there is none. */
  nextTime(pattern: string, timeZone: string, afterMs: number): number | null;
  /** Ends deployments of a site that was deleted. */
  cancelDeployment(id: string): Promise<boolean>;
  /** What is kept of an environment's output. */
  removeLog(environmentId: string): Promise<void>;
}
