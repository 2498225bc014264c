import type { AddDnsProviderInput } from "../certificates/dns/manage.ts";
import type { Context } from "hono";
import type { Clock } from "../domain/clock.ts";
import type { EdgeHealth } from "../domain/edge.ts";
import type { EngineInfo } from "../domain/engine.ts";
import type { Limits, LimitsPatch } from "../domain/limits.ts";
import type { EdgeRulesPatch, EdgeRulesView } from "../domain/edge-rules.ts";
import type { GuardView } from "../domain/guard.ts";
import type { Log } from "../domain/log.ts";
import type { AppEnv, UserActor } from "../http/request-env.ts";
import type { RunPanelDeps } from "./run-deps.ts";
import type { LogStorageView, Retention, RetentionPatch } from "../domain/retention.ts";
import type { LogQuery, SiteLogPage } from "../logs/site-logs.ts";
import type { LogSettingsInput } from "../retention/settings.ts";
import type { AccessPage } from "../requests/access-log.ts";
import type { TopPaths } from "../requests/top-paths.ts";
import type { UploadInput } from "../certificates/upload.ts";
import type { Scope } from "../identity/schemas.ts";
import type { AddDomainInput, ChangeDomainInput } from "../sites/domains.ts";
import type { Finding } from "../doctor/finding.ts";
import type { StorageView } from "../domain/housekeeping.ts";
import type { EventPage } from "../sites/events.ts";
import type { AddLinkInput, ConnectionsView } from "../domain/link.ts";
import type { ProcessSettings, Scale } from "../domain/process.ts";
import type { ProcessView } from "../domain/process-view.ts";
import type { SiteFields } from "../domain/site.ts";
import type { SleepHow, SleepPolicyInput, SleepPolicyView } from "../domain/sleep.ts";
import type { PauseInput } from "../domain/traffic.ts";
import type {
  ApiKeyView,
  CertificateView,
  DnsProviderView,
  DeploymentSummary,
  DeploymentView,
  DomainView,
  EnvVarView,
  HookDeliveryView,
  HookView,
  HttpsView,
  LogLineView,
  OwnAddressView,
  ReleaseView,
  SiteView,
  UsagePoint,
  UserView,
} from "../domain/views.ts";

/** A person signed in by session: the only actor that pages serve. */
export type Person = UserActor;

/** What the middleware before the panel leaves in the context, after it refused forged requests. */
export type PanelEnv = AppEnv;

export interface EngineStatus {
  up: boolean;
  /** One sentence for people when it is down. */
  message: string | null;
}

export interface EdgeStatus {
  up: boolean;
  /** Why it cannot be started; for operators. */
  problem: string | null;
}

/** Figures of the machine. Null where they were not measured yet. */
export interface HostView {
  version: string;
  engine: EngineStatus & { info: EngineInfo | null };
  /** `health` is what it says of itself; null when it does not answer. */
  edge: EdgeStatus & { health: (Omit<EdgeHealth, "startedAtMs"> & { startedAt: string }) | null };
  cores: number;
  /** Mean over the last hour, of one core (200 = two cores busy). */
  cpuPercent: number | null;
  memory: { usedBytes: number; totalBytes: number } | null;
  disk: { usedBytes: number; totalBytes: number } | null;
}

/** Processes of a site and its links. */
export interface PanelProcesses {
  list(actor: Person, slug: string): Promise<ProcessView[]>;
  scale(actor: Person, slug: string, counts: Scale): Promise<void>;
  set(actor: Person, slug: string, name: string, settings: ProcessSettings): Promise<void>;
  remove(actor: Person, slug: string, name: string): Promise<void>;
  connections(actor: Person, slug: string): Promise<ConnectionsView>;
  link(actor: Person, slug: string, input: AddLinkInput): Promise<void>;
  unlink(actor: Person, slug: string, name: string): Promise<void>;
}

/** Certificates of the whole installation and where DNS challenges are answered. */
export interface HttpsSettings {
  /** @throws AppError `conflict` when there will be no other try now */
  retryCertificates(actor: Person): Promise<void>;
  listCertificates(actor: Person): Promise<CertificateView[]>;
  uploadCertificate(actor: Person, input: UploadInput): Promise<CertificateView>;
  removeCertificate(actor: Person, id: string): Promise<void>;
  listDnsProviders(actor: Person): Promise<DnsProviderView[]>;
  addDnsProvider(actor: Person, input: AddDnsProviderInput): Promise<DnsProviderView>;
  removeDnsProvider(actor: Person, zone: string): Promise<void>;
  testDnsProvider(
    actor: Person,
    zone: string,
    signal: AbortSignal,
  ): Promise<{ ok: boolean; error: string | null }>;
}

/** Latest figures of a site for the fleet's row. */
export interface FleetUsage {
  /** The newest sample; null when the site neither ran nor served then. */
  last: UsagePoint | null;
  requestsLastHour: number;
  errorsLastHour: number;
  /** Requests per hour, oldest first, at most 24. */
  requestsByHour: number[];
  /** Since the month began. */
  month: { bytesIn: number; bytesOut: number };
}

export interface FleetRow {
  site: SiteView;
  usage: FleetUsage | null;
}

export interface BackupView {
  id: string;
  kind: string;
  path: string;
  bytes: number;
  createdAt: string;
  verifiedAt: string | null;
}

export type UsageResolution = "raw" | "hour" | "day";

/**
 * Everything that pages read and do. Each function checks the actor's rights itself and throws AppErrors:
 * `not_found` for what the actor may not see, `forbidden` for what they may not do, `invalid_input` with fields.
 * Input was parsed with the schemas of domain and features. None of them waits for Docker to show a page.
 */
export interface PanelDeps extends RunPanelDeps {
  clock: Clock;
  log: Log;
  /** How people reach the panel; no trailing slash. Shown in commands. */
  publicUrl: string;
  /** A site answers at `<slug>.<baseDomain>`. */
  baseDomain: string;
  /** Where the one-time setup token lies, for the first page. */
  setupTokenPath: string;
  /** Between two raw samples. */
  sampleSeconds: number;
  /** For the `_csrf` field of every form; empty without a session. The check is made before the panel. */
  csrfToken(c: Context): string;

  isSetUp(): Promise<boolean>;
  /** Makes the owner account and begins a session: sets its cookie on the context. */
  setup(
    c: Context,
    input: { token: string; username: string; email: string; password: string },
  ): Promise<void>;
  /** Begins a session: sets its cookie on the context. */
  signIn(c: Context, input: { username: string; password: string }): Promise<void>;
  /** Ends the session and takes the cookie away. */
  signOut(c: Context): Promise<void>;
  me(actor: Person): Promise<UserView>;
  /** What happened without anybody asking, newest first. */
  /** What takes disk space; for operators. */
  storage(actor: Person): Promise<StorageView>;
  cleanStorage(actor: Person): Promise<{ freedBytes: number }>;
  /** What the host offers and lacks; for operators. */
  examine(actor: Person): Promise<Finding[]>;
  siteEvents(actor: Person, slug: string, page: { limit: number; cursor?: string }): Promise<EventPage>;
  events(actor: Person, page: { limit: number; cursor?: string }): Promise<EventPage>;
  listUsers(actor: Person): Promise<UserView[]>;
  createUser(
    actor: Person,
    input: { username: string; email: string; password: string; isAdmin: boolean },
  ): Promise<UserView>;

  listKeys(actor: Person): Promise<ApiKeyView[]>;
  createKey(
    actor: Person,
    input: { name: string; scopes: Scope[]; expiresInDays?: number },
  ): Promise<{ token: string; key: ApiKeyView }>;
  revokeKey(actor: Person, id: string): Promise<void>;

  /** From memory or rows: on every page. */
  engine(): Promise<EngineStatus>;
  /** From memory: on every page. */
  edge(): EdgeStatus;
  host(actor: Person): Promise<HostView>;
  /** HTTPS of the installation itself; for operators. */
  https(actor: Person): Promise<HttpsView>;
  /** Its settings; for operators. */
  httpsSettings: HttpsSettings;
  /** What the host guard sees and holds; for operators. */
  guard(actor: Person): Promise<GuardView>;
  /** Lets a site go, and leaves it alone for a while; for operators. @throws AppError `conflict` */
  releaseFromGuard(actor: Person, slug: string): Promise<void>;
  listBackups(actor: Person): Promise<BackupView[]>;
  createBackup(actor: Person): Promise<BackupView>;

  fleet(actor: Person): Promise<FleetRow[]>;
  getSite(actor: Person, slug: string): Promise<SiteView>;
  /** Deploys at once when a repository or an image is given: the answer then names the deployment. */
  createSite(
    actor: Person,
    input: SiteFields & { slug: string },
  ): Promise<{ site: SiteView; deployment: string | null }>;
  updateSite(actor: Person, slug: string, patch: SiteFields): Promise<SiteView>;
  deleteSite(actor: Person, slug: string, options: { confirm: string; volumes: boolean }): Promise<void>;
  stopSite(actor: Person, slug: string): Promise<void>;
  startSite(actor: Person, slug: string): Promise<void>;
  restartSite(actor: Person, slug: string): Promise<void>;
  pauseSite(actor: Person, slug: string, input: PauseInput): Promise<void>;
  resumeSite(actor: Person, slug: string): Promise<void>;
  sleep: {
    show(actor: Person, slug: string): Promise<SleepPolicyView>;
    change(actor: Person, slug: string, input: SleepPolicyInput): Promise<void>;
    sleep(actor: Person, slug: string, how: SleepHow): Promise<void>;
    wake(actor: Person, slug: string): Promise<void>;
  };
  endSplit(actor: Person, slug: string): Promise<void>;
  setLimits(actor: Person, slug: string, patch: LimitsPatch & { cpuBurst?: boolean }): Promise<void>;
  showRules(actor: Person, slug: string): Promise<EdgeRulesView>;
  setRules(actor: Person, slug: string, patch: EdgeRulesPatch): Promise<void>;

  /** Without a choice: the site's branch, its last push or its image. @returns the deployment's id */
  deploy(
    actor: Person,
    slug: string,
    choice: { branch?: string; commit?: string; image?: string },
  ): Promise<string>;
  /** Without `to`: the release before the current one. @returns the deployment's id */
  rollback(actor: Person, slug: string, options: { to?: number }): Promise<string>;
  cancelDeployment(actor: Person, id: string): Promise<void>;
  listDeployments(
    actor: Person,
    slug: string,
    page: { before?: string; limit: number },
  ): Promise<{ items: DeploymentSummary[]; next: string | null }>;
  getDeployment(actor: Person, id: string): Promise<DeploymentView>;
  /** The newest `last` lines, oldest first. */
  deploymentLog(actor: Person, id: string, options: { last: number }): Promise<LogLineView[]>;
  listReleases(actor: Person, slug: string): Promise<ReleaseView[]>;

  processes: PanelProcesses;

  listEnv(actor: Person, slug: string): Promise<EnvVarView[]>;
  setEnv(
    actor: Person,
    slug: string,
    change: { set?: Record<string, string>; secret?: boolean; unset?: string[] },
  ): Promise<void>;

  addVolume(
    actor: Person,
    slug: string,
    input: { name: string; mountPath: string; sizeBytes?: number },
  ): Promise<void>;
  /** @returns false when it grows only when it is mounted next */
  resizeVolume(actor: Person, slug: string, name: string, sizeBytes: number): Promise<boolean>;
  removeVolume(actor: Person, slug: string, name: string, options: { confirm: string }): Promise<void>;

  /** The address that the site has without asking. */
  ownAddress(actor: Person, slug: string): Promise<OwnAddressView>;
  listDomains(actor: Person, slug: string): Promise<DomainView[]>;
  addDomain(actor: Person, slug: string, input: AddDomainInput): Promise<DomainView>;
  changeDomain(actor: Person, slug: string, name: string, input: ChangeDomainInput): Promise<DomainView>;
  verifyDomain(actor: Person, slug: string, name: string): Promise<DomainView>;
  removeDomain(actor: Person, slug: string, name: string): Promise<void>;
  /** Uploaded ones; automatic ones stand with their domains. */
  listCertificates(actor: Person, slug: string): Promise<CertificateView[]>;
  uploadCertificate(actor: Person, slug: string, input: UploadInput): Promise<CertificateView>;
  removeCertificate(actor: Person, slug: string, id: string): Promise<void>;

  listHooks(actor: Person, slug: string): Promise<HookView[]>;
  /** The answer holds the secret, once. */
  createHook(actor: Person, slug: string, input: { provider: string }): Promise<HookView>;
  rotateHook(actor: Person, slug: string, id: string): Promise<HookView>;
  removeHook(actor: Person, slug: string, id: string): Promise<void>;
  hookDeliveries(actor: Person, slug: string, id: string): Promise<HookDeliveryView[]>;

  /** Times in UTC milliseconds. */
  usage(
    actor: Person,
    slug: string,
    query: { resolution: UsageResolution; fromMs: number; toMs: number },
  ): Promise<UsagePoint[]>;
  /** Since the month began. */
  monthToDate(actor: Person, slug: string): Promise<{ bytesIn: number; bytesOut: number }>;
  /** Whole hours from a time on; 24h, 7d or a date. @throws AppError `forbidden` for who may not see visitors */
  topPaths(actor: Person, slug: string, query: { from: string }): Promise<TopPaths>;
  /** The newest requests that match, oldest first. */
  accessLog(
    actor: Person,
    slug: string,
    query: { limit: number; status?: string; path?: string },
  ): Promise<AccessPage>;
  /** What the site printed. Where nothing is stored it asks the engine, within a deadline. */
  appLog(actor: Person, slug: string, query: LogQuery): Promise<SiteLogPage>;
  logStorage(actor: Person, slug: string): Promise<LogStorageView>;
  setLogStorage(actor: Person, slug: string, input: LogSettingsInput): Promise<void>;
  /** How long logs and records are kept; for operators. */
  retention(actor: Person): Promise<Retention>;
  setRetention(actor: Person, patch: RetentionPatch): Promise<void>;
}

export type { Limits };
