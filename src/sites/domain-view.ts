import { isIPv6 } from "node:net";
import {
  certificateView,
  hostOfDomain,
  type HostToServe,
  servingCertificate,
} from "../domain/certificate.ts";
import { isoOrNull } from "../domain/deployment-view.ts";
import { redirectOf } from "../domain/domain-redirects.ts";
import { isWildcard, isWithin } from "../domain/host-name.ts";
import type { CertificateRecord, DomainRecord } from "../domain/records.ts";
import type { CertificateView, DomainView } from "../domain/views.ts";
import type { DomainDeps } from "./domain-deps.ts";
import { proofOf } from "./verify-domain.ts";

/**
 * @param all the environment's domains
 * @param certificates automatic ones of their names, and uploaded ones that may serve them
 * @param zones in which challenges can be answered by DNS
 */
export const domainView = (
  deps: Pick<DomainDeps, "clock" | "urlOfHost" | "publicAddresses" | "ordersCertificates">,
  domain: DomainRecord,
  all: readonly DomainRecord[],
  certificates: readonly CertificateRecord[],
  zones: readonly string[],
): DomainView => {
  const addresses = deps.publicAddresses().map((value) => ({
    type: isIPv6(value) ? ("AAAA" as const) : ("A" as const),
    name: domain.name,
    value,
  }));
  const records = isWildcard(domain.name) ? [...wildcardRecords(domain, zones), ...addresses] : addresses;
  const verified = domain.verifiedAt !== null;
  const host = hostOfDomain(domain, all);
  const certificate = verified ? certificateOf(host, certificates, deps.clock.nowMs()) : null;
  const error = domain.lastError ?? certificate?.error ?? null;
  return {
    name: domain.name,
    url: deps.urlOfHost(domain.name),
    primary: domain.isPrimary === 1,
    redirectTo: redirectOf(domain, all),
    state: verified ? "verified" : "waiting",
    verifiedAt: isoOrNull(domain.verifiedAt),
    checkedAt: isoOrNull(domain.checkedAt),
    error,
    nextStep: verified && domain.lastError === null ? null : nextStepOf(domain, records),
    nextCheckAt: isoOrNull(domain.nextCheckAt),
    expiresAt: isoOrNull(domain.expiresAt),
    records,
    automaticHttps: domain.tlsOn === 1 && deps.ordersCertificates,
    certificate,
  };
};

/** The one that serves, with what went wrong with its renewal; else the one that is being ordered. */
export const certificateOf = (
  host: HostToServe,
  certificates: readonly CertificateRecord[],
  nowMs: number,
): CertificateView | null => {
  const ordered = (name: string) => certificates.find((one) => one.source === "acme" && one.name === name);
  const [underWay] = host.automatic
    ? [host.name, ...(host.coveredBy ?? [])].map(ordered).filter((one) => one !== undefined)
    : [];
  const shown = servingCertificate(host, certificates, nowMs) ?? underWay;
  return shown ? certificateView(shown, nowMs) : null;
};

/** Who it belongs to; and where challenges for its certificate are answered, since DNS alone can do so. */
const wildcardRecords = (domain: DomainRecord, zones: readonly string[]): DomainView["records"] => {
  const above = domain.name.slice(2);
  const [zone] = zones;
  const answered = zone === undefined || zones.some((one) => isWithin(above, one));
  return [
    { type: "TXT", ...proofOf(domain) },
    ...(answered
      ? []
      : [
          {
            type: "CNAME" as const,
            name: `_acme-challenge.${above}`,
            value: `${domain.id.replace("_", "-")}._acme-challenge.${zone}`,
          },
        ]),
  ];
};

const nextStepOf = (domain: DomainRecord, records: DomainView["records"]): string => {
  if (records.length === 0) return `let ${domain.name} lead to this server's public address`;
  const [first, ...others] = records.map((record) => `${record.name} → ${record.value} (${record.type})`);
  return others.length === 0
    ? `add this ${records[0]!.type} record: ${domain.name} → ${records[0]!.value}`
    : `add these records: ${[first, ...others].join(", ")}`;
};
