import type { Actor, SiteAction } from "../domain/actor.ts";
import type { HostToServe } from "../domain/certificate.ts";
import type { Clock } from "../domain/clock.ts";
import type { AcmeChallenge, CertificateSet, EdgeHealth } from "../domain/edge.ts";
import type { Log } from "../domain/log.ts";
import type { ExternalAccount } from "./acme/client.ts";
import type { DnsChallenges } from "./dns/challenges.ts";
import type {
  AcmeAccountRecord,
  AuditEntryRecord,
  CertificateRecord,
  EnvironmentRecord,
  SiteRecord,
} from "../domain/records.ts";

export interface CertificateQueries {
  acmeAccount(directory: string): Promise<AcmeAccountRecord | undefined>;
  putAcmeAccount(account: AcmeAccountRecord): Promise<void>;
  certificates(): Promise<CertificateRecord[]>;
  certificateById(id: string): Promise<CertificateRecord | undefined>;
  uploadedCertificatesOf(environmentId: string | null): Promise<CertificateRecord[]>;
  insertCertificate(certificate: CertificateRecord): Promise<void>;
  updateCertificate(id: string, patch: Partial<CertificateRecord>): Promise<void>;
  deleteCertificate(id: string, environmentId: string | null): Promise<boolean>;
  deleteCertificatesById(ids: string[]): Promise<void>;
  insertAudit(entry: AuditEntryRecord): Promise<void>;
}

export interface CertificateStore extends CertificateQueries {
  transaction<T>(run: (queries: CertificateQueries) => Promise<T>): Promise<T>;
}

export interface SecretBox {
  keyVersion: number;
  seal(plain: string, place: string): Promise<string>;
  open(ciphertext: string, place: string): Promise<string>;
}

export interface CertificateEdge {
  health(): Promise<Pick<EdgeHealth, "certificateVersion" | "startedAtMs">>;
  putCertificates(set: CertificateSet): Promise<unknown>;
}

/** Challenges that the edge answers now, of orders and domain checks alike. */
export interface ChallengeBoard {
  /** Returns once the edge answers it. @returns takes it away again */
  publish(challenge: AcmeChallenge): Promise<() => Promise<void>>;
  /** To an edge that was started anew and forgot them. */
  resend(): Promise<void>;
}

export interface AcmeSettings {
  directoryUrl: string;
  email: string | null;
  /** PEM; null for the system's authorities. */
  ca: string | null;
  externalAccount: ExternalAccount | null;
}

export interface CertificateDeps {
  store: CertificateStore;
  secretBox: SecretBox;
  clock: Clock;
  log: Log;
  /** From 0 to 1. */
  random(): number;
  /** Null: nothing is ordered. */
  acme: AcmeSettings | null;
  userAgent: string;
  /** Names that visitors come by now. */
  wantedNames(): Promise<HostToServe[]>;
  /** Null when there is no HTTPS listener. */
  edge: CertificateEdge | null;
  challenges: ChallengeBoard;
  /** Whether authorities can ask the edge over plain HTTP, and in a handshake. */
  plainHttp: boolean;
  tlsAlpn: boolean;
  dns: DnsChallenges;
  /** Names below it share one wildcard certificate where DNS can be answered for it. */
  baseDomain: string;
  fallback: CertificateSet["fallback"];
  /** Addresses that a name leads to; empty when there is no such name. */
  resolve(name: string): Promise<string[]>;
}

/** What uploading needs besides. */
export interface UploadDeps extends Pick<CertificateDeps, "store" | "secretBox" | "clock"> {
  reachSite(
    actor: Actor,
    slug: string,
    action: SiteAction,
    environment?: string,
  ): Promise<{ site: SiteRecord; environment: EnvironmentRecord }>;
  /** Names that the environment answers at. */
  hostsOf(site: SiteRecord, environment: EnvironmentRecord): Promise<string[]>;
  baseDomain: string;
  panelDomain: string;
  onUploaded(): void;
}
