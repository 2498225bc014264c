import type { HostToServe } from "../domain/certificate.ts";
import { mayHaveCertificate } from "../domain/host-name.ts";
import type { CertificateRecord } from "../domain/records.ts";

/** A slow name server must not turn one order into hundreds: ten minutes pass until then. */
const wildcardTries = 3;

/**
 * The names that certificates are ordered for. A host that a wildcard is for gets none of its own, unless the
 * wildcard's could not be had several times: then it is served as if there were none.
 * @param hosts that are to have an automatic certificate
 * @param rows automatic ones by name
 * @param base the base domain's wildcard, where DNS can be answered for it
 */
export const namesToOrder = (
  hosts: readonly HostToServe[],
  rows: ReadonlyMap<string | null, CertificateRecord>,
  base: string | null,
  nowMs: number,
): string[] => {
  const names = new Set<string>();
  const wildcards = new Set(hosts.map(({ name }) => name));
  if (base !== null && mayHaveCertificate(base)) wildcards.add(base);
  const holds = (wildcard: string): boolean => {
    const row = rows.get(wildcard);
    return row === undefined || row.attempts < wildcardTries || (row.notAfter ?? 0) > nowMs;
  };
  for (const { name, coveredBy = [] } of hosts) {
    const over = coveredBy.filter((wildcard) => wildcards.has(wildcard));
    if (base !== null && over.includes(base)) names.add(base);
    if (!over.some(holds)) names.add(name);
  }
  return [...names];
};
