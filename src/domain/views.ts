import type { DiskView, VolumeView } from "./disk.ts";
import type { DeploymentStatus, LogLevel, LogSource, StepName, Trigger } from "./deployment.ts";
import type { AppliedLimits, Limits } from "./limits.ts";
import type { SleepView } from "./sleep.ts";
import type { BandwidthView, PauseView } from "./traffic.ts";
import type { HealthCheck, SiteStatus, SiteType } from "./site.ts";

export type { VolumeView };

// What the API answers, the CLI prints and the panel shows. Times are ISO 8601 UTC, units are in the names.

export interface SiteView {
  id: string;
  slug: string;
  name: string;
  description: string;
  type: SiteType;
  environment: string;
  environmentId: string;
  owner: string;
  repositoryUrl: string | null;
  branch: string;
  rootDirectory: string;
  buildCommand: string | null;
  startCommand: string | null;
  port: number | null;
  image: string | null;
  autoDeploy: boolean;
  /** Whether its containers may begin connections to the world outside. */
  egress: boolean;
  healthCheck: HealthCheck;
  /** No route leads here: only linked sites reach it. */
  internal: boolean;
  /** None where nothing answers visitors. */
  urls: string[];
  gitRemote: string;
  status: SiteStatus;
  /** One sentence for people when the status needs one: why it is failed or stopped, what can be done. */
  statusReason: string | null;
  /** Of memory, CPU and processes: of each replica. */
  limits: { asked: Limits; applied: AppliedLimitsView | null };
  /** What all replicas may use together; null where none are to run. */
  together: TogetherView | null;
  cpuBurst: CpuBurstView;
  /** 0 to 100: the most important sites come back first after a restart of engine or host. */
  restorePriority: number;
  diskUsedBytes: number | null;
  disk: DiskView;
  readOnlyRoot: boolean;
  /** Of this month. */
  bandwidth: BandwidthView;
  /** Requests wait at the edge; null when they do not. */
  pause: PauseView | null;
  sleep: SleepView;
  /** Null when all visitors get the current release. */
  split: SplitView | null;
  currentRelease: ReleaseView | null;
  replicas: ReplicaView[];
  volumes: VolumeView[];
  latestDeployment: DeploymentSummary | null;
  createdAt: string;
  updatedAt: string;
}

export interface TogetherView {
  replicas: number;
  memoryBytes: number;
  cpuMillicores: number;
}

export interface SplitView {
  /** By number, with what part of the visitors each gets; empty when all get the current one. */
  releases: { release: number; weight: number }[];
}

export type AppliedLimitsView = Omit<AppliedLimits, "readAtMs"> & { readAt: string };

/** Whether a site may use CPU that others leave idle, and the quota that it then has. */
export interface CpuBurstView {
  on: boolean;
  ceilingMillicores: number;
}

/** How a replica ended last. */
export interface ReplicaExitView {
  at: string;
  exitCode: number | null;
  /** Such as SIGKILL; null when it ended by itself. */
  signal: string | null;
  /** The kernel ended it for memory. */
  oomKilled: boolean;
  /** What it printed last, oldest first, without secrets. */
  lastLines: string[];
}

export interface ReplicaView {
  id: string;
  /** `web` answers visitors. */
  process: string;
  /** As in the rows, and `crash_loop`: it ends again and again, and waits for its next start. */
  state: string;
  restarts: number;
  oomKills: number;
  exitCode: number | null;
  reason: string | null;
  startedAt: string | null;
  nextRestartAt: string | null;
  /** Null when it never ended. */
  lastExit: ReplicaExitView | null;
}

export interface ReleaseView {
  id: string;
  number: number;
  deployment: string;
  imageDigest: string | null;
  sizeBytes: number | null;
  commit: CommitView | null;
  current: boolean;
  /** False once its image or folder was removed. */
  kept: boolean;
  createdAt: string;
}

export interface CommitView {
  hash: string;
  message: string;
  author: string;
}

export interface DeploymentSummary {
  id: string;
  site: string;
  environment: string;
  status: DeploymentStatus;
  strategy: string;
  trigger: Trigger;
  triggeredBy: string;
  branch: string | null;
  commit: CommitView | null;
  image: string | null;
  release: number | null;
  buildMs: number | null;
  deployMs: number | null;
  error: { code: string; message: string } | null;
  createdAt: string;
  startedAt: string | null;
  completedAt: string | null;
}

export interface DeploymentView extends DeploymentSummary {
  steps: { name: StepName; startedAt: string; endedAt: string | null; error: string | null }[];
  /** The release that serves while this one is not through. */
  replaces: number | null;
  build: BuildView | null;
}

export interface BuildView {
  success: boolean;
  exitCode: number | null;
  durationMs: number;
  dockerfilePath: string | null;
  dockerfileGenerated: boolean;
  dockerfile: string | null;
  language: string | null;
  framework: string | null;
  imageId: string | null;
  sizeBytes: number | null;
  layers: number | null;
  optimisations: string[];
  errorExcerpt: string | null;
}

export interface LogLineView {
  seq: number;
  at: string;
  level: LogLevel;
  source: LogSource;
  message: string;
}

export interface EnvVarView {
  key: string;
  /** Null for secrets: they are write-only. */
  value: string | null;
  isSecret: boolean;
  updatedAt: string;
  updatedBy: string;
}

export interface HookView {
  id: string;
  provider: string;
  url: string;
  createdAt: string;
  /** Only in the answer to create and rotate. */
  secret?: string;
}

export interface HookDeliveryView {
  deliveryId: string;
  event: string;
  signatureOk: boolean;
  result: string;
  deployment: string | null;
  at: string;
}

/** `cpuPercent` is of one core. Null figures were not measured (static sites have no memory and CPU). */
export interface UsagePoint {
  at: string;
  memoryBytes: { avg: number | null; max: number | null };
  cpuPercent: { avg: number | null; max: number | null };
  cpuSeconds: number | null;
  diskBytes: number | null;
  bytesIn: number;
  bytesOut: number;
  requests: number;
  errors: number;
  responseMs: { avg: number | null; p50: number | null; p95: number | null; p99: number | null };
  activeRequests: number;
  uptimeSeconds: number;
  throttledSeconds: number;
  oomKills: number;
  /** How often memory met its limit. */
  memoryLimitHits: number;
  /** How long work stood still for want of memory; null where the kernel does not tell. */
  memoryStallSeconds: number | null;
}

export interface UserView {
  id: string;
  username: string;
  email: string;
  displayName: string;
  isAdmin: boolean;
}

export interface ApiKeyView {
  id: string;
  name: string;
  /** The part of the key that is no secret, to recognise it by. */
  prefix: string;
  scopes: string[];
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
}

/** A name that a site answers at besides its own under the base domain. */
export interface DomainView {
  name: string;
  url: string;
  primary: boolean;
  /** Another domain of the site that visitors are sent to; null where the site itself answers. */
  redirectTo: string | null;
  state: "waiting" | "verified";
  verifiedAt: string | null;
  checkedAt: string | null;
  /** Why it is not verified yet, or not served over HTTPS; null when all is well. */
  error: string | null;
  /** What a person has to do next; null when nothing. */
  nextStep: string | null;
  nextCheckAt: string | null;
  /** When a claim that is not verified ends. */
  expiresAt: string | null;
  /** DNS records that lead the name here; of a wildcard also what proves whose it is. */
  records: { type: "A" | "AAAA" | "TXT" | "CNAME"; name: string; value: string }[];
  /** Whether it gets a certificate by itself. */
  automaticHttps: boolean;
  certificate: CertificateView | null;
}

/** The name under the base domain that a site has without asking. */
export interface OwnAddressView {
  name: string;
  url: string;
  /** Null where none is ordered for it. */
  certificate: CertificateView | null;
}

/** What a host name is served with, or what is known of the certificate that is on its way. */
export interface CertificateView {
  id: string;
  source: "automatic" | "uploaded";
  names: string[];
  /** `ending`: an uploaded one within its last three weeks, or one whose renewal is overdue. */
  state: "waiting" | "valid" | "ending" | "ended";
  /** What a person has to do; null when nothing. */
  nextStep: string | null;
  /** Null until it is issued. */
  issuer: string | null;
  notBefore: string | null;
  notAfter: string | null;
  fingerprint: string | null;
  /** The last failure since it was issued or renewed. */
  error: string | null;
  errorAt: string | null;
  /** Next try to get it, or its renewal. Null for uploaded ones. */
  nextAttemptAt: string | null;
}

/** Where TXT records can be put for DNS-01; of the whole installation. */
export interface DnsProviderView {
  zone: string;
  kind: "rfc2136" | "webhook";
  /** `address[:port]`, key name and algorithm of dynamic updates; null for a webhook. */
  server: string | null;
  keyName: string | null;
  algorithm: string | null;
  /** Of a webhook; null for dynamic updates. */
  url: string | null;
  username: string | null;
  /** When it was last used or tested, and what went wrong then. */
  usedAt: string | null;
  error: string | null;
  createdAt: string;
  createdBy: string;
}

/** HTTPS of the installation itself. */
export interface HttpsView {
  /** Whether the edge listens for HTTPS. */
  on: boolean;
  panel: { name: string; url: string; certificate: CertificateView | null; nextStep: string | null };
  /** One certificate for all sites of the base domain; null where DNS cannot be answered for it. */
  wildcard: { name: string; certificate: CertificateView | null } | null;
  /** Null: nothing is ordered. */
  authority: {
    directory: string;
    host: string;
    /** Its certificates are for trials: no browser accepts them. */
    isStaging: boolean;
    /** It asked to be left alone until then, and why. */
    pausedUntil: string | null;
    pauseReason: string | null;
  } | null;
}
