import { type HostToServe, servingCertificate } from "../domain/certificate.ts";
import { mayHaveCertificate } from "../domain/host-name.ts";
import { newId } from "../domain/id.ts";
import type { CertificateRecord } from "../domain/records.ts";
import type { CertificateDeps } from "./deps.ts";
import { namesToOrder } from "./names-to-order.ts";

export type AutomaticRow = CertificateRecord & { name: string };

/** An uploaded certificate that ends so soon is about to be replaced by an automatic one. */
const uploadLeadMs = 7 * 24 * 3_600_000;
/** Kept for names that come back; more would let somebody who adds and removes names fill the disk. */
const mostUnwanted = 500;
/** Clocks are set by so much without being wrong. */
const clockSlackMs = 60_000;

/**
 * Rows of names that are to have an automatic certificate; makes those that are missing, and forgets those that
 * nobody wants once they are over.
 */
export const automaticRows = async (
  deps: Pick<CertificateDeps, "store" | "clock" | "dns" | "baseDomain">,
  wanted: readonly HostToServe[],
  rows: readonly CertificateRecord[],
  directory: string,
): Promise<AutomaticRow[]> => {
  const { store } = deps;
  const nowMs = deps.clock.nowMs();
  const uploaded = rows.filter((row) => row.source === "upload");
  const hosts = wanted.filter(
    (host) =>
      host.automatic &&
      mayHaveCertificate(host.name) &&
      (servingCertificate(host, uploaded, nowMs)?.notAfter ?? 0) < nowMs + uploadLeadMs,
  );
  const automatic = rows.filter((row) => row.source === "acme");
  const byName = new Map(automatic.map((row) => [row.name, row]));
  const base = (await deps.dns.covers(deps.baseDomain)) ? `*.${deps.baseDomain}` : null;
  const names = namesToOrder(hosts, byName, base, nowMs);
  for (const name of names)
    if (!byName.has(name)) {
      const row = emptyRow(name, nowMs);
      await store.insertCertificate(row);
      byName.set(name, row);
    }
  for (const row of byName.values()) {
    // Another authority was configured: what it gives replaces what there is, in its turn.
    const isOfAnother = row.directory !== null && row.directory !== directory && row.attempts === 0;
    // A failure that is yet to come was written while the clock was ahead, and so was its pause.
    if (isOfAnother || (row.lastErrorAt ?? 0) > nowMs + clockSlackMs) row.nextAttemptAt = nowMs;
  }
  const present = new Set(names);
  const gone = automatic
    .filter((row) => !present.has(row.name!))
    .toSorted((a, b) => b.updatedAt - a.updatedAt)
    .filter((row, i) => i >= mostUnwanted || (row.notAfter ?? 0) <= nowMs);
  await store.deleteCertificatesById(gone.map((row) => row.id));
  return names.map((name) => byName.get(name) as AutomaticRow);
};

const emptyRow = (name: string, nowMs: number): CertificateRecord => ({
  id: newId("crt", nowMs),
  source: "acme",
  environmentId: null,
  name,
  names: null,
  issuer: null,
  fingerprint: null,
  notBefore: null,
  notAfter: null,
  chain: null,
  keyCiphertext: null,
  keyVersion: null,
  directory: null,
  orderUrl: null,
  orderKeyCiphertext: null,
  attempts: 0,
  lastError: null,
  lastErrorAt: null,
  nextAttemptAt: nowMs,
  renewalCheckAt: null,
  createdAt: nowMs,
  updatedAt: nowMs,
});
