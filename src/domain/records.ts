import type { OrganizationRole } from "./actor.ts";
import type { DeploymentStatus, LogLevel, LogSource, StepName, Trigger } from "./deployment.ts";
import type { Limits } from "./limits.ts";
import type { SiteType } from "./site.ts";

export type * from "./certificate-records.ts";

// Rows as the database holds them (columns in snake case there). Times are UTC milliseconds, booleans 0 or 1,
// and what holds JSON says so. Constraints are in migrations/.

export interface UserRecord {
  id: string;
  username: string;
  email: string;
  passwordHash: string;
  displayName: string;
  isAdmin: number;
  isActive: number;
  createdAt: number;
  updatedAt: number;
  lastLoginAt: number | null;
}

export interface SessionRecord {
  id: string;
  userId: string;
  tokenHash: string;
  ip: string | null;
  userAgent: string | null;
  createdAt: number;
  lastSeenAt: number;
  expiresAt: number;
  endedAt: number | null;
  endedWhy: string | null;
}

export interface OrganizationRecord {
  id: string;
  name: string;
  slug: string;
  description: string;
  isActive: number;
  createdAt: number;
}

export interface OrganizationMemberRecord {
  organizationId: string;
  userId: string;
  role: OrganizationRole;
  joinedAt: number;
}

export interface ApiKeyRecord {
  id: string;
  userId: string;
  name: string;
  prefix: string;
  keyHash: string;
  scopes: string;
  createdAt: number;
  expiresAt: number | null;
  lastUsedAt: number | null;
  revokedAt: number | null;
}

export interface SiteRecord {
  id: string;
  slug: string;
  name: string;
  description: string;
  ownerUserId: string | null;
  ownerOrganizationId: string | null;
  type: SiteType;
  repositoryUrl: string | null;
  rootDirectory: string;
  buildCommand: string | null;
  startCommand: string | null;
  port: number | null;
  image: string | null;
  createdAt: number;
  updatedAt: number;
  deletedAt: number | null;
  deleteVolumes: number;
  cleanedAt: number | null;
}

export interface EnvironmentRecord extends Limits {
  id: string;
  siteId: string;
  name: string;
  branch: string;
  autoDeploy: number;
  strategy: "blue-green";
  replicas: number;
  healthCheck: string;
  networkSlot: number | null;
  currentReleaseId: string | null;
  stoppedReason: "asked" | "disk_full" | null;
  appliedLimits: string | null;
  diskUsedBytes: number | null;
  diskMeasuredAt: number | null;
  createdAt: number;
}

/** What the edge does for an environment beyond its limits: `EdgeRules` as JSON, only what differs from the defaults. */
export interface EdgeRulesRecord {
  environmentId: string;
  rules: string;
  updatedAt: number;
}

/** Requests of the environment wait at the edge. */
export interface PauseRecord {
  environmentId: string;
  pausedAt: number;
  /** It goes on by itself then. */
  resumesAt: number;
  /** How long one request waits. */
  maxWaitMs: number;
}

/** Visitors are shared out among releases; in force while the current release is one of them. */
export interface TrafficSplitRecord {
  environmentId: string;
  /** JSON: `Shares`. */
  shares: string;
  updatedAt: number;
}

/** The month's bandwidth is used up. */
export interface BandwidthUsedUpRecord {
  environmentId: string;
  since: number;
}

export interface VolumeRecord {
  id: string;
  environmentId: string;
  name: string;
  mountPath: string;
  createdAt: number;
}

export interface EnvVarRecord {
  environmentId: string;
  key: string;
  ciphertext: string;
  keyVersion: number;
  isSecret: number;
  updatedAt: number;
  updatedBy: string;
}

export interface DeploymentRecord {
  id: string;
  environmentId: string;
  trigger: Trigger;
  triggeredBy: string;
  source: "repository" | "push" | "image" | "release";
  branch: string | null;
  commitHash: string | null;
  commitMessage: string | null;
  commitAuthor: string | null;
  image: string | null;
  rollbackReleaseId: string | null;
  strategy: string;
  status: DeploymentStatus;
  switchedAt: number | null;
  releaseId: string | null;
  previousReleaseId: string | null;
  attempts: number;
  buildMs: number | null;
  deployMs: number | null;
  errorCode: string | null;
  errorMessage: string | null;
  createdAt: number;
  startedAt: number | null;
  completedAt: number | null;
}

export interface DeploymentStepRecord {
  deploymentId: string;
  attempt: number;
  name: StepName;
  startedAt: number;
  endedAt: number | null;
  error: string | null;
}

export interface DeploymentLogRecord {
  deploymentId: string;
  seq: number;
  at: number;
  level: LogLevel;
  source: LogSource;
  message: string;
}

export interface BuildRecord {
  deploymentId: string;
  success: number;
  exitCode: number | null;
  durationMs: number;
  dockerfilePath: string | null;
  dockerfileGenerated: number;
  dockerfile: string | null;
  language: string | null;
  framework: string | null;
  imageId: string | null;
  tag: string | null;
  sizeBytes: number | null;
  layers: number | null;
  optimisations: string;
  errorExcerpt: string | null;
}

export interface ReleaseRecord {
  id: string;
  environmentId: string;
  number: number;
  deploymentId: string;
  imageId: string | null;
  imageTag: string | null;
  config: string;
  env: string;
  sizeBytes: number | null;
  createdAt: number;
  retiredAt: number | null;
}

export type ReplicaRowState = "starting" | "running" | "draining" | "exited" | "stopped" | "removed";

export interface ReplicaRecord {
  id: string;
  releaseId: string;
  /** Of its release. */
  process: string;
  environmentId: string;
  containerId: string | null;
  state: ReplicaRowState;
  address: string | null;
  port: number | null;
  exitCode: number | null;
  oomKills: number;
  restarts: number;
  reason: string | null;
  createdAt: number;
  startedAt: number | null;
  endedAt: number | null;
  nextRestartAt: number | null;
}

export interface HookRecord {
  id: string;
  environmentId: string;
  provider: "github";
  secretCiphertext: string;
  createdAt: number;
  rotatedAt: number | null;
}

export interface HookDeliveryInRecord {
  id: number;
  hookId: string;
  deliveryId: string;
  event: string;
  signatureOk: number;
  result: string;
  deploymentId: string | null;
  at: number;
  headBefore: string | null;
  headAfter: string | null;
  /** As the git host says, in ms. */
  pushedAt: number | null;
}

export interface UsageRollupRecord {
  environmentId: string;
  resolution: "hour" | "day" | "month";
  bucket: number;
  samples: number;
  memorySum: number | null;
  memoryMax: number | null;
  memorySamples: number;
  cpuNanos: number | null;
  cpuPercentMax: number | null;
  cpuSpanMs: number;
  diskBytes: number | null;
  bytesIn: number;
  bytesOut: number;
  requests: number;
  clientErrors: number;
  errors: number;
  activeMax: number;
  latencySumMs: number;
  latency: Uint8Array;
  upMs: number;
  throttledNanos: number;
  oomKills: number;
  memoryLimitHits: number;
  memoryStallMicros: number | null;
}

export interface UsageWatermarkRecord {
  resolution: string;
  doneUntil: number;
}

export interface AuditEntryRecord {
  id: string;
  at: number;
  actorKind: string;
  actorId: string | null;
  actorLabel: string;
  action: string;
  objectType: string;
  objectId: string;
  oldValue: string | null;
  newValue: string | null;
  ip: string | null;
  userAgent: string | null;
}

export interface SecurityEventRecord {
  id: string;
  at: number;
  type: string;
  severity: "low" | "medium" | "high" | "critical";
  details: string;
  ip: string | null;
}

export interface SettingRecord {
  key: string;
  value: string;
  updatedAt: number;
}

export interface BackupRecord {
  id: string;
  kind: "manual" | "automatic" | "pre-migration";
  path: string;
  bytes: number;
  sha256: string;
  createdAt: number;
  verifiedAt: number | null;
}
