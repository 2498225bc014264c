import { isoOrNull } from "./deployment-view.ts";
import { coversHost, isWildcard } from "./host-name.ts";
import type { CertificateRecord, DomainRecord } from "./records.ts";
import type { CertificateView } from "./views.ts";

/** A row that was issued or uploaded. */
export type UsableCertificate = CertificateRecord & {
  names: string;
  chain: string;
  keyCiphertext: string;
  notBefore: number;
  notAfter: number;
};

/** A name that visitors come by. */
export interface HostToServe {
  name: string;
  /** Null for the panel's. */
  environmentId: string | null;
  /** False where a person wants no certificate but an uploaded one. */
  automatic: boolean;
  /** Wildcard names whose automatic certificate is for this host, too. */
  coveredBy?: readonly string[];
}

/** Those of the wildcard names that are for this host. */
export const wildcardsOver = (host: string, wildcards: readonly string[]): string[] =>
  isWildcard(host) ? [] : wildcards.filter((name) => isWildcard(name) && coversHost(name, host));

/** A domain as it is served. @param all the environment's */
export const hostOfDomain = (
  domain: Pick<DomainRecord, "name" | "environmentId" | "tlsOn">,
  all: readonly DomainRecord[],
): HostToServe => {
  const wildcards = all.filter((one) => one.tlsOn === 1 && one.verifiedAt !== null);
  return {
    name: domain.name,
    environmentId: domain.environmentId,
    automatic: domain.tlsOn === 1,
    coveredBy: wildcardsOver(
      domain.name,
      wildcards.map(({ name }) => name),
    ),
  };
};

export const certificateNames = (certificate: Pick<CertificateRecord, "names" | "name">): string[] =>
  certificate.names === null
    ? [certificate.name].filter((name) => name !== null)
    : (JSON.parse(certificate.names) as string[]);

/** One that is not to begin yet tells of a clock that is behind, as after a start without one: visitors' are right. */
const isUsable = (certificate: CertificateRecord, nowMs: number): certificate is UsableCertificate =>
  certificate.chain !== null && nowMs < certificate.notAfter!;

/**
 * The certificate that a host name is served with: an uploaded one of its environment, then one of the whole
 * installation, then the automatic one; of several the one that lasts longest.
 */
export const servingCertificate = (
  { name: host, environmentId, automatic, coveredBy = [] }: HostToServe,
  certificates: readonly CertificateRecord[],
  nowMs: number,
): UsableCertificate | null => {
  const rank = (one: CertificateRecord): number =>
    one.source === "acme" ? 0 : one.environmentId === null ? 1 : 2;
  const fitting = certificates.filter(
    (one): one is UsableCertificate =>
      isUsable(one, nowMs) &&
      (one.environmentId === null || one.environmentId === environmentId) &&
      certificateNames(one).some((name) => coversHost(name, host)) &&
      (one.source === "upload" || (automatic && (one.name === host || coveredBy.includes(one.name!)))),
  );
  return fitting.toSorted((a, b) => rank(b) - rank(a) || b.notAfter - a.notAfter)[0] ?? null;
};

/** `place` of a certificate's private key in the secret box. */
export const certificateKeyPlace = (certificateId: string): string => `certificate:${certificateId}`;

const dayMs = 24 * 3_600_000;
/** An uploaded certificate that ends so soon wants a successor. */
const endingMs = 21 * dayMs;

/** An automatic one is renewed with a third of its life left; with a fifth left something is wrong. */
const stateOf = (certificate: CertificateRecord, nowMs: number): CertificateView["state"] => {
  const { notBefore, notAfter, source } = certificate;
  if (notBefore === null || notAfter === null) return "waiting";
  if (notAfter <= nowMs) return "ended";
  const lead = source === "upload" ? endingMs : Math.min(endingMs, (notAfter - notBefore) / 5);
  return notAfter - nowMs < lead ? "ending" : "valid";
};

const nextStepOf = (certificate: CertificateRecord, state: CertificateView["state"]): string | null => {
  if (certificate.source === "acme" || (state !== "ending" && state !== "ended")) return null;
  const day = new Date(certificate.notAfter!).toISOString().slice(0, 10);
  return state === "ended"
    ? `it ended on ${day}: add its successor, or remove it`
    : `it ends on ${day}: add its successor before then`;
};

export const certificateView = (certificate: CertificateRecord, nowMs: number): CertificateView => ({
  id: certificate.id,
  source: certificate.source === "acme" ? "automatic" : "uploaded",
  names: certificateNames(certificate),
  state: stateOf(certificate, nowMs),
  nextStep: nextStepOf(certificate, stateOf(certificate, nowMs)),
  issuer: certificate.issuer,
  notBefore: isoOrNull(certificate.notBefore),
  notAfter: isoOrNull(certificate.notAfter),
  fingerprint: certificate.fingerprint,
  error: certificate.lastError,
  errorAt: isoOrNull(certificate.lastErrorAt),
  nextAttemptAt: isoOrNull(certificate.nextAttemptAt),
});
