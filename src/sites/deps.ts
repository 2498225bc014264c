import type { OrganizationRole } from "../domain/actor.ts";
import type { Clock } from "../domain/clock.ts";
import type { GuardActRecord } from "../domain/guard.ts";
import type { DiskKeepingRecord, HardVolumes, VolumeStorageRecord } from "../domain/disk.ts";
import type { EventRecord } from "../domain/event.ts";
import type { LinkRecord } from "../domain/link.ts";
import type { ProcessRecord, RollingRestartRecord } from "../domain/process.ts";
import type {
  AuditEntryRecord,
  BandwidthUsedUpRecord,
  DeploymentRecord,
  DomainRecord,
  EdgeRulesRecord,
  EnvironmentRecord,
  EnvVarRecord,
  PauseRecord,
  ReleaseRecord,
  ReplicaRecord,
  SiteRecord,
  TrafficSplitRecord,
  VolumeRecord,
} from "../domain/records.ts";
import type { SleepDayRecord, SleepHow, SleepPolicyRecord, SleepRecord } from "../domain/sleep.ts";
import type { CpuBurstRecord, ReplicaExitRecord, RestorePriorityRecord } from "../domain/supervision.ts";

export interface SiteQueries {
  insertSite(site: SiteRecord): Promise<void>;
  processesOf(environmentId: string): Promise<ProcessRecord[]>;
  allProcesses(): Promise<ProcessRecord[]>;
  putProcess(process: ProcessRecord): Promise<void>;
  deleteProcess(environmentId: string, name: string): Promise<boolean>;
  putRollingRestart(restart: RollingRestartRecord): Promise<void>;
  environmentsWithoutWeb(): Promise<Set<string>>;
  internalEnvironments(): Promise<Set<string>>;
  setInternal(environmentId: string, sinceMs: number | null): Promise<void>;
  linksOf(environmentId: string): Promise<LinkRecord[]>;
  linksTo(environmentIds: string[]): Promise<LinkRecord[]>;
  insertLink(link: LinkRecord): Promise<void>;
  cutLink(id: string, atMs: number): Promise<boolean>;
  cutLinksOfSite(siteId: string, atMs: number): Promise<void>;
  insertEnvironment(environment: EnvironmentRecord): Promise<void>;
  insertAudit(entry: AuditEntryRecord): Promise<void>;
  siteBySlug(slug: string): Promise<SiteRecord | undefined>;
  siteById(id: string): Promise<SiteRecord | undefined>;
  listSites(userId: string | null): Promise<SiteRecord[]>;
  roleInOrganization(organizationId: string, userId: string): Promise<OrganizationRole | null>;
  ownerNames(ids: string[]): Promise<Map<string, string>>;
  environmentsOfSites(siteIds: string[]): Promise<EnvironmentRecord[]>;
  volumesOfMany(environmentIds: string[]): Promise<VolumeRecord[]>;
  releasesByIds(ids: string[]): Promise<ReleaseRecord[]>;
  deploymentsByIds(ids: string[]): Promise<DeploymentRecord[]>;
  latestDeployments(environmentIds: string[]): Promise<DeploymentRecord[]>;
  liveReplicasOfMany(environmentIds: string[]): Promise<ReplicaRecord[]>;
  guardActsOf(environmentIds: string[]): Promise<GuardActRecord[]>;
  sitesStartedSince(siteIds: string[], atMs: number): Promise<string[]>;
  updateSite(id: string, patch: Partial<SiteRecord>): Promise<void>;
  markSiteDeleted(id: string, atMs: number, deleteVolumes: boolean): Promise<boolean>;
  environmentByName(siteId: string, name: string): Promise<EnvironmentRecord | undefined>;
  environmentById(id: string): Promise<EnvironmentRecord | undefined>;
  environmentsOfSite(siteId: string): Promise<EnvironmentRecord[]>;
  updateEnvironment(id: string, patch: Partial<EnvironmentRecord>): Promise<void>;
  nextNetworkSlot(slots: number): Promise<number | null>;
  edgeRulesOf(environmentId: string): Promise<EdgeRulesRecord | undefined>;
  putEdgeRules(record: EdgeRulesRecord): Promise<void>;
  pausesOf(environmentIds: string[]): Promise<PauseRecord[]>;
  putPause(pause: PauseRecord): Promise<void>;
  deletePause(environmentId: string): Promise<boolean>;
  trafficSplitsOf(environmentIds: string[]): Promise<TrafficSplitRecord[]>;
  putTrafficSplit(split: TrafficSplitRecord): Promise<void>;
  deleteTrafficSplit(environmentId: string): Promise<boolean>;
  bandwidthUsedUpOf(environmentIds: string[]): Promise<BandwidthUsedUpRecord[]>;
  envVarsOf(environmentId: string): Promise<EnvVarRecord[]>;
  putEnvVar(envVar: EnvVarRecord): Promise<void>;
  deleteEnvVar(environmentId: string, key: string): Promise<void>;
  volumesOf(environmentId: string): Promise<VolumeRecord[]>;
  insertVolumeStorage(storage: VolumeStorageRecord): Promise<void>;
  updateVolumeStorage(volumeId: string, patch: Partial<VolumeStorageRecord>): Promise<void>;
  volumeStorageOf(environmentIds: string[]): Promise<Map<string, VolumeStorageRecord>>;
  diskKeepingOf(environmentIds: string[]): Promise<Map<string, DiskKeepingRecord>>;
  changeDiskKeeping(
    environmentId: string,
    patch: Partial<Omit<DiskKeepingRecord, "environmentId">>,
  ): Promise<void>;
  insertVolume(volume: VolumeRecord): Promise<void>;
  deleteVolume(id: string): Promise<boolean>;
  releaseById(id: string): Promise<ReleaseRecord | undefined>;
  releasesOf(environmentId: string): Promise<ReleaseRecord[]>;
  deploymentById(id: string): Promise<DeploymentRecord | undefined>;
  deploymentsOf(environmentId: string, limit: number, beforeId: string | null): Promise<DeploymentRecord[]>;
  liveReplicasOf(environmentId: string): Promise<ReplicaRecord[]>;
  updateReplica(id: string, patch: Partial<ReplicaRecord>): Promise<void>;
  domainsOfMany(environmentIds: string[]): Promise<DomainRecord[]>;
  deleteDomainsOfSite(siteId: string): Promise<void>;
  sleepsOf(environmentIds: string[]): Promise<SleepRecord[]>;
  sleepPolicyOf(environmentId: string): Promise<SleepPolicyRecord | undefined>;
  putSleepPolicy(record: SleepPolicyRecord): Promise<void>;
  sleepDaysOf(environmentId: string, fromDay: string): Promise<SleepDayRecord[]>;
  setting(key: string): Promise<string | null>;
  putSetting(key: string, value: string, atMs: number): Promise<void>;
  closedEgress(): Promise<Set<string>>;
  setEgress(environmentId: string, open: boolean, nowMs: number): Promise<boolean>;
  restorePrioritiesOf(siteIds: string[]): Promise<RestorePriorityRecord[]>;
  putRestorePriority(row: RestorePriorityRecord): Promise<void>;
  cpuBurstOf(environmentId: string): Promise<CpuBurstRecord | undefined>;
  cpuBurstsOf(environmentIds: string[]): Promise<CpuBurstRecord[]>;
  putCpuBurst(row: CpuBurstRecord): Promise<void>;
  deleteCpuBurst(environmentId: string): Promise<void>;
  replicaExitsOf(replicaIds: string[]): Promise<ReplicaExitRecord[]>;
  eventsOf(environmentIds: string[], limit: number, beforeId?: string): Promise<EventRecord[]>;
  allEvents(limit: number, beforeId?: string): Promise<EventRecord[]>;
}

export interface SiteStore extends SiteQueries {
  transaction<T>(run: (queries: SiteQueries) => Promise<T>): Promise<T>;
}

/** Seals and opens secrets; `place` binds a ciphertext to where it is kept. */
export interface SecretBox {
  keyVersion: number;
  seal(plain: string, place: string): Promise<string>;
  open(ciphertext: string, place: string): Promise<string>;
}

export interface SiteDeps {
  store: SiteStore;
  clock: Clock;
  secretBox: SecretBox;
  /** Null while it is not known. */
  hostMemoryBytes?(): number | null;
  /** Whether the container engine answers, as it was last seen. */
  engineUp?(): boolean;
  hardVolumes: HardVolumes;
  /** Whether the engine holds writable layers to a size; as it was last seen, no waiting. */
  layerQuota(): boolean;
  /** How many environments the network pool has room for. */
  networkSlots: number;
  /** Where visitors reach a host, and people the panel. */
  urlOf(slug: string, environment: string): string;
  urlOfHost(host: string): string;
  /** The branch a repository itself calls its main one; null when it does not say, or cannot be reached. */
  defaultBranch(repositoryUrl: string): Promise<string | null>;
  publicUrl: string;
  panelDomain: string;
  /** The supervisor puts sites to sleep and wakes them. */
  sleep: {
    /** @returns why it stays awake; null when it sleeps */
    putToSleep(environmentId: string, how: SleepHow, why: string): Promise<string | null>;
    wake(environmentId: string, why: string): Promise<boolean>;
    keptAwake(environmentId: string): Promise<string | null>;
    lastActiveAt(environmentId: string): number | null;
    /** The first time after that one; throws when the pattern is none. */
    nextTime(pattern: string, timeZone: string, afterMs: number): number | null;
  };
  /** Told after commit; the supervisor brings containers and routes in line. */
  onChange: {
    /** Limits of a running environment changed; resolves when the engine holds them. */
    limits(environmentId: string): Promise<void>;
    /** Started, stopped, or its route changed. */
    environment(environmentId: string): Promise<void>;
    /** Linked or unlinked; resolves when it holds, or soon after. */
    links?(): Promise<void>;
    /** A site was deleted; what it left is removed in the background. */
    deleted(siteId: string): void;
    /** A volume's row is gone; its data goes too. */
    volumeRemoved(volume: VolumeRecord): Promise<void>;
  };
}

export const envVarPlace = (environmentId: string, key: string): string => `env:${environmentId}:${key}`;
