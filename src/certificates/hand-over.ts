import {
  certificateKeyPlace,
  certificateNames,
  type HostToServe,
  servingCertificate,
  type UsableCertificate,
} from "../domain/certificate.ts";
import type { EdgeCertificate } from "../domain/edge.ts";
import { mayHaveCertificate } from "../domain/host-name.ts";
import type { CertificateRecord } from "../domain/records.ts";
import type { CertificateDeps } from "./deps.ts";

/** Each name that has a certificate now, and which. */
export const chooseCertificates = (
  wanted: readonly HostToServe[],
  certificates: readonly CertificateRecord[],
  nowMs: number,
): Map<string, UsableCertificate> => {
  const chosen = new Map<string, UsableCertificate>();
  // A thousand names looked for among a thousand certificates would take a second.
  const uploaded = certificates.filter((one) => one.source === "upload");
  const automatic = new Map(
    certificates.filter((one) => one.source === "acme").map((one) => [one.name!, one]),
  );
  for (const host of wanted) {
    if (!mayHaveCertificate(host.name)) continue;
    const own = [host.name, ...(host.coveredBy ?? [])].map((name) => automatic.get(name));
    const fitting = [...uploaded, ...own.filter((one) => one !== undefined)];
    const certificate = servingCertificate(host, fitting, nowMs);
    if (certificate) chosen.set(host.name, certificate);
  }
  return chosen;
};

export interface HandedOver {
  /** What was sent, by names and fingerprints. */
  text: string;
  version: number;
  edgeStartedAtMs: number;
}

/**
 * Gives the edge the certificates of these names, unless it has them. Keys are opened for this alone.
 * @throws AppError `unavailable` when the edge does not answer
 */
export const handOver = async (
  deps: Pick<CertificateDeps, "secretBox" | "log" | "fallback"> & {
    edge: NonNullable<CertificateDeps["edge"]>;
  },
  chosen: Map<string, UsableCertificate>,
  before: HandedOver | null,
): Promise<HandedOver> => {
  const byId = Map.groupBy(chosen, ([, certificate]) => certificate.id);
  const text = JSON.stringify(
    [...byId.values()]
      .map((group) => [group[0]![1].fingerprint, ...group.map(([name]) => name).sort()])
      .sort(),
  );
  const health = await deps.edge.health();
  if (
    before?.text === text &&
    before.version === health.certificateVersion &&
    before.edgeStartedAtMs === health.startedAtMs
  )
    return before;
  const certificates: EdgeCertificate[] = [];
  for (const group of byId.values()) {
    const certificate = group[0]![1];
    try {
      certificates.push({
        names: group.map(([name]) => name),
        certificate: certificate.chain,
        key: await deps.secretBox.open(certificate.keyCiphertext, certificateKeyPlace(certificate.id)),
      });
    } catch (error) {
      // One that cannot be opened must not take HTTPS from the others.
      deps.log.error("the key of a certificate cannot be opened", {
        names: certificateNames(certificate),
        error,
      });
    }
  }
  const version = health.certificateVersion + 1;
  await deps.edge.putCertificates({ version, certificates, fallback: deps.fallback });
  return { text, version, edgeStartedAtMs: health.startedAtMs };
};
