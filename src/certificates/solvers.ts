import { isWildcard } from "../domain/host-name.ts";
import type { CertificateRecord } from "../domain/records.ts";
import type { Solver } from "./acme/order.ts";
import type { CertificateDeps } from "./deps.ts";

/**
 * How control over a name can be shown, the best way first. After a failure the next way goes first: where one port
 * is closed another one may be open.
 */
export const solversFor = async (
  deps: Pick<CertificateDeps, "challenges" | "dns" | "plainHttp">,
  row: Pick<CertificateRecord, "attempts"> & { name: string },
  signal: AbortSignal,
): Promise<Solver[]> => {
  const dns: Solver = {
    type: "dns-01",
    present: ({ host, keyAuthorization }) => deps.dns.present(host, keyAuthorization, signal),
  };
  if (isWildcard(row.name)) return [dns];
  const ways: Solver[] = [
    ...(deps.plainHttp ? [{ type: "http-01" as const, present: deps.challenges.publish }] : []),
    ...((await deps.dns.covers(row.name)) ? [dns] : []),
  ];
  const first = row.attempts % Math.max(1, ways.length);
  return [...ways.slice(first), ...ways.slice(0, first)];
};
