import { isWildcard } from "../domain/host-name.ts";
import type { CertificateRecord } from "../domain/records.ts";
import type { Solver } from "./acme/order.ts";
import type { CertificateDeps } from "./deps.ts";

/**
 * How control over a name can be shown, the best way first. After a failure the next way goes first: where one port
 * is closed another one may be open. TLS-ALPN-01 keeps visitors out for a moment, so a name that is served already
 * is renewed by it last.
 */
export const solversFor = async (
  deps: Pick<CertificateDeps, "challenges" | "clock" | "dns" | "plainHttp" | "tlsAlpn">,
  row: Pick<CertificateRecord, "attempts" | "notAfter"> & { name: string },
  signal: AbortSignal,
): Promise<Solver[]> => {
  const dns: Solver = {
    type: "dns-01",
    present: ({ host, keyAuthorization }) => deps.dns.present(host, keyAuthorization, signal),
    tidy: ({ host, keyAuthorization }) => deps.dns.tidy(host, keyAuthorization),
  };
  if (isWildcard(row.name)) return [dns];
  const byEdge = (type: "http-01" | "tls-alpn-01"): Solver => ({
    type,
    present: (challenge) => deps.challenges.publish({ ...challenge, type }),
  });
  const isServed = (row.notAfter ?? 0) > deps.clock.nowMs();
  const tls = deps.tlsAlpn ? [byEdge("tls-alpn-01")] : [];
  const ways: Solver[] = [
    ...(deps.plainHttp ? [byEdge("http-01")] : []),
    ...(isServed ? [] : tls),
    ...((await deps.dns.covers(row.name)) ? [dns] : []),
    ...(isServed ? tls : []),
  ];
  const first = row.attempts % Math.max(1, ways.length);
  return [...ways.slice(first), ...ways.slice(0, first)];
};
