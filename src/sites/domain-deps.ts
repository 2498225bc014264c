import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import type { CertificateRecord, DomainRecord } from "../domain/records.ts";
import type { SiteQueries, SiteStore } from "./deps.ts";

export interface DomainQueries {
  insertDomain(domain: DomainRecord): Promise<void>;
  domainsOf(environmentId: string): Promise<DomainRecord[]>;
  verifiedAmong(
    names: string[],
  ): Promise<
    (DomainRecord & { ownerUserId: string | null; ownerOrganizationId: string | null; slug: string })[]
  >;
  domainsToCheck(nowMs: number, limit: number): Promise<DomainRecord[]>;
  updateDomain(id: string, patch: Partial<DomainRecord>): Promise<boolean>;
  deleteDomain(domain: Pick<DomainRecord, "id" | "environmentId" | "name">): Promise<boolean>;
  clearPrimaryDomain(environmentId: string): Promise<void>;
  deleteExpiredDomains(nowMs: number): Promise<string[]>;
  automaticCertificates(names: string[]): Promise<CertificateRecord[]>;
  uploadedCertificatesOf(environmentId: string | null): Promise<CertificateRecord[]>;
}

export interface DomainStore extends DomainQueries, Omit<SiteStore, "transaction"> {
  transaction<T>(run: (queries: SiteQueries & DomainQueries) => Promise<T>): Promise<T>;
}

/** Whether a name leads to this server, and if not why, in words for its owner that call the name `it`. */
export type Pointing = { here: true } | { here: false; reason: string };

export interface DomainDeps {
  store: DomainStore;
  clock: Clock;
  log: Log;
  baseDomain: string;
  panelDomain: string;
  hostOf(slug: string, environment: string): string;
  urlOfHost(host: string): string;
  /** Of this server, as domains are to point at. Empty when it does not know them. */
  publicAddresses(): string[];
  /** False where this installation serves no HTTPS, or is told to order nothing. */
  ordersCertificates: boolean;
  pointsHere(name: string): Promise<Pointing>;
  /** A name's TXT records. Rejects when no name server answers. */
  texts(name: string): Promise<string[]>;
  /** Zones in which this installation can answer challenges by DNS. */
  challengeZones(): Promise<string[]>;
  /** Told after commit: names that visitors may come by have changed. */
  onDomains(): Promise<void>;
  /** A person asks for a certificate that could not be had to be tried again. */
  retryCertificate(name: string): Promise<boolean>;
}
