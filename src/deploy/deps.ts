import type { Clock } from "../domain/clock.ts";
import type { DeploymentStatus, StepName } from "../domain/deployment.ts";
import type { Engine, NetworkRef } from "../domain/engine.ts";
import { GB } from "../domain/size.ts";
import type { LinkRecord } from "../domain/link.ts";
import type { ProcessRecord } from "../domain/process.ts";
import type { HealthCheck } from "../domain/site.ts";
import type { Log } from "../domain/log.ts";
import type {
  AuditEntryRecord,
  BuildRecord,
  DeploymentLogRecord,
  DeploymentRecord,
  DeploymentStepRecord,
  EnvironmentRecord,
  EnvVarRecord,
  ReleaseRecord,
  ReplicaRecord,
  SiteRecord,
  VolumeRecord,
} from "../domain/records.ts";
import type { Notifier } from "./notifier.ts";

export interface DeployQueries {
  insertDeployment(deployment: DeploymentRecord): Promise<void>;
  supersedePending(environmentId: string, newerId: string, atMs: number): Promise<string[]>;
  claimNext(atMs: number, perOwner: number): Promise<DeploymentRecord | undefined>;
  advance(
    id: string,
    from: DeploymentStatus,
    to: DeploymentStatus,
    patch?: Partial<DeploymentRecord>,
  ): Promise<boolean>;
  patchDeployment(id: string, patch: Partial<Omit<DeploymentRecord, "id" | "status">>): Promise<void>;
  deploymentById(id: string): Promise<DeploymentRecord | undefined>;
  deploymentsOf(environmentId: string, limit: number, beforeId: string | null): Promise<DeploymentRecord[]>;
  openDeployments(): Promise<DeploymentRecord[]>;
  insertStep(step: DeploymentStepRecord): Promise<void>;
  endStep(
    deploymentId: string,
    attempt: number,
    name: StepName,
    endedAtMs: number,
    error: string | null,
  ): Promise<void>;
  stepsOf(deploymentId: string, attempt: number): Promise<DeploymentStepRecord[]>;
  insertLogLines(lines: DeploymentLogRecord[]): Promise<void>;
  logAfter(deploymentId: string, afterSeq: number, limit: number): Promise<DeploymentLogRecord[]>;
  logTail(deploymentId: string, limit: number): Promise<DeploymentLogRecord[]>;
  lastLogSeq(deploymentId: string): Promise<number>;
  saveBuild(build: BuildRecord): Promise<void>;
  buildOf(deploymentId: string): Promise<BuildRecord | undefined>;
  insertRelease(release: ReleaseRecord): Promise<void>;
  nextReleaseNumber(environmentId: string): Promise<number>;
  releaseById(id: string): Promise<ReleaseRecord | undefined>;
  releaseByNumber(environmentId: string, number: number): Promise<ReleaseRecord | undefined>;
  releasesOf(environmentId: string): Promise<ReleaseRecord[]>;
  retireRelease(id: string, atMs: number): Promise<void>;
  imageTagInUse(tag: string): Promise<boolean>;
  updateReplica(id: string, patch: Partial<ReplicaRecord>): Promise<void>;
  liveReplicasOf(environmentId: string): Promise<ReplicaRecord[]>;
  environmentById(id: string): Promise<EnvironmentRecord | undefined>;
  updateEnvironment(id: string, patch: Partial<EnvironmentRecord>): Promise<void>;
  deleteTrafficSplit(environmentId: string): Promise<boolean>;
  siteById(id: string): Promise<SiteRecord | undefined>;
  envVarsOf(environmentId: string): Promise<EnvVarRecord[]>;
  insertAudit(entry: AuditEntryRecord): Promise<void>;
  processesOf(environmentId: string): Promise<ProcessRecord[]>;
  internalEnvironments(): Promise<Set<string>>;
  volumesOf(environmentId: string): Promise<VolumeRecord[]>;
  linksOf(environmentId: string): Promise<LinkRecord[]>;
}

export interface DeployStore extends DeployQueries {
  transaction<T>(run: (queries: DeployQueries) => Promise<T>): Promise<T>;
}

export interface CommitFacts {
  hash: string;
  message: string;
  author: string;
  /** Sentences about what was left out: links that lead outside, submodules. */
  notes: string[];
}

/** Where source code comes from; the git adapter. Errors are AppErrors fit for the log. */
export interface SourceControl {
  /** Brings the head of `branch`, or exactly `commit`, into the bare repository. @returns its hash */
  fetchRepository(input: {
    repoPath: string;
    url: string;
    branch: string;
    commit: string | null;
    signal: AbortSignal;
  }): Promise<string>;
  /** Head of a branch in the bare repository, null when there is none. */
  branchHead(repoPath: string, branch: string): Promise<string | null>;
  checkoutCommit(input: {
    repoPath: string;
    commit: string;
    targetDir: string;
    signal: AbortSignal;
  }): Promise<CommitFacts>;
}

export interface ProbeResult {
  ok: boolean;
  /** What was tried and what came, for people: `GET / on port 3000 -> 503 in 4 ms`. */
  summary: string;
  /** First characters of an answer that was not good enough. */
  bodyExcerpt: string | null;
}

/** What the supervisor does for a rollout. */
export interface ReplicaControl {
  /**
   * Writes the row, then starts a container of the release within the environment's present limits.
   * @throws AppError `deploy_failed`, `engine_unavailable`
   */
  launch(environmentId: string, releaseId: string, process?: string): Promise<ReplicaRecord>;
  /** Stops (with grace) and removes containers; their rows stay as `removed`. Idempotent. */
  remove(replicaIds: string[], graceSeconds: number): Promise<void>;
  /** Linked sites find the environment's present replicas by name. */
  connect(environmentId: string): Promise<void>;
  /** Asks for a look at what runs: a deployment may have left less than there should be. */
  look(): void;
  probe(replica: ReplicaRecord, check: HealthCheck, host: string, signal: AbortSignal): Promise<ProbeResult>;
}

/** Places below the data directory. */
export interface DeployPaths {
  repository(siteId: string): string;
  /** Holds nothing but the folders of `work`. */
  workRoot: string;
  /** Scratch of one deployment, removed when it ends. */
  work(deploymentId: string): string;
  /** Holds nothing but the folders of `staticRelease`. */
  staticRoot: string;
  staticRelease(releaseId: string): string;
}

export interface DeploySettings {
  /** Deployments that run at once, and how many of them may build. */
  parallelDeployments: number;
  /** How many of them one owner's sites may take. */
  parallelPerOwner: number;
  buildSlots: number;
  buildLimits: { memoryBytes: number; cpuMillicores: number; pids: number; diskBytes: number };
  buildDeadlineMs: number;
  /** How long a build waits for free memory and disk; and for busy processors, after which it begins all the same. */
  buildWaitMs: { hard: number; soft: number };
  drainDeadlineMs: number;
  stopGraceSeconds: number;
}

export const defaultDeploySettings: DeploySettings = {
  parallelDeployments: 8,
  parallelPerOwner: 4,
  buildSlots: 1,
  buildLimits: { memoryBytes: 2 * GB, cpuMillicores: 1000, pids: 1024, diskBytes: 8 * GB },
  buildDeadlineMs: 15 * 60_000,
  buildWaitMs: { hard: 10 * 60_000, soft: 60_000 },
  drainDeadlineMs: 30_000,
  stopGraceSeconds: 10,
};

/** A build may take half of what a small host has: it would wait for the usual figure for ever. */
export const buildLimitsFor = (hostMemoryBytes: number): DeploySettings["buildLimits"] => {
  const { buildLimits } = defaultDeploySettings;
  return { ...buildLimits, memoryBytes: Math.min(buildLimits.memoryBytes, Math.floor(hostMemoryBytes / 2)) };
};

export interface DeployDeps {
  store: DeployStore;
  engine: Engine;
  /** Whether the engine answered when it was last spoken to; while it is away nothing is claimed. */
  engineUp(): boolean;
  /** How many of each environment can be rolled back to, the one that serves among them. */
  releasesKept(): Promise<number>;
  source: SourceControl;
  openSecret(ciphertext: string, place: string): Promise<string>;
  paths: DeployPaths;
  clock: Clock;
  log: Log;
  notifier: Notifier;
  settings: DeploySettings;
  replicas: ReplicaControl;
  buildNetwork: NetworkRef;
  /** Why no build may begin now, as part of a sentence; `isHard` where it would be a danger. Null when one may. */
  buildObstacle(need: { memoryBytes: number }): { text: string; isHard: boolean } | null;
  urlOf(slug: string, environment: string): string;
  hostOf(slug: string, environment: string): string;
  /** Sends the edge the table that the rows describe; resolves when new requests follow it. */
  publishRoutes(signal: AbortSignal): Promise<void>;
  /** Why the edge did not follow it, as a sentence; null when that is not known. */
  edgeProblem(): string | null;
  /** Waits until nothing is in flight on these replicas, or cuts what is left at the deadline. @returns what was cut */
  drain(replicaIds: string[], deadlineMs: number): Promise<number>;
}
