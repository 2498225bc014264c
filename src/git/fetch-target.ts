import { lookup as systemLookup } from "node:dns/promises";
import { isPublicAddress } from "../domain/public-address.ts";
import { repositoryUrlSchema } from "../domain/site.ts";
import { AppError, invalid } from "../errors.ts";
import type { GitConfig } from "./git-env.ts";

/** All addresses of a host name, as `getaddrinfo` writes them. */
export type Lookup = (host: string) => Promise<{ address: string }[]>;

export interface FetchPolicy {
  /** `host` or `host:port` entries that may be fetched from although they resolve to private addresses. */
  allowHosts: readonly string[];
  /** PEM bundle trusted beside the system's certificates; null for the system's alone. */
  caFile: string | null;
  lookup?: Lookup;
}

/** A remote repository that may be spoken to, and the configuration that holds git to the address that was checked. */
export interface FetchTarget {
  /** Normalised https address without query and fragment. */
  url: string;
  host: string;
  config: GitConfig[];
}

const lookupDeadlineMs = 10_000;
const literal = (host: string): string | null =>
  host.startsWith("[") ? host.slice(1, -1) : /^\d+(\.\d+){3}$/.test(host) ? host : null;

const resolveHost = async (host: string, lookup: Lookup, signal?: AbortSignal): Promise<string[]> => {
  const deadline = AbortSignal.timeout(lookupDeadlineMs);
  const ended = signal ? AbortSignal.any([signal, deadline]) : deadline;
  const cut = new Promise<never>((_, reject) =>
    ended.addEventListener("abort", () => reject(ended.reason), { once: true }),
  );
  try {
    return (await Promise.race([lookup(host), cut])).map((found) => found.address);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new AppError("deploy_failed", `the host ${host} of the repository's address was not found`, {
      cause,
    });
  }
};

const isAllowed = (policy: FetchPolicy, host: string, port: string): boolean =>
  policy.allowHosts.some((entry) => [host, `${host}:${port}`].includes(entry.toLowerCase()));

/**
 * Checks a repository's address and resolves its host once. The connection is pinned to what was resolved
 * (`http.curloptResolve`, git ≥ 2.37), so a name that changes its mind later (DNS rebinding) changes nothing, and
 * redirects are not followed.
 * @throws AppError `invalid_input` for anything but a plain https address, `forbidden` when the host is not public,
 *   `deploy_failed` when it does not resolve
 */
export const fetchTarget = async (
  address: string,
  policy: FetchPolicy,
  signal?: AbortSignal,
): Promise<FetchTarget> => {
  const parsed = repositoryUrlSchema.safeParse(address);
  if (!parsed.success) throw invalid("repositoryUrl", parsed.error.issues[0]!.message);
  const url = new URL(parsed.data);
  url.hash = "";
  url.search = "";
  // A trailing dot names the same host, but neither certificates nor pins know it by that name.
  url.hostname = url.hostname.replace(/\.+$/, "");
  const host = url.hostname;
  const port = url.port || "443";
  const ip = literal(host);
  const addresses = ip ? [ip] : await resolveHost(host, policy.lookup ?? defaultLookup, signal);
  const usable = isAllowed(policy, host, port) ? addresses : addresses.filter(isPublicAddress);
  if (usable.length === 0)
    throw new AppError(
      "forbidden",
      `repositories may not be fetched from ${host}: it is not a public address (the operator can allow it)`,
    );
  const config: GitConfig[] = [
    ["http.followRedirects", "false"],
    ["http.sslVerify", "true"],
    ["http.lowSpeedLimit", "1000"],
    ["http.lowSpeedTime", "30"],
    ["transfer.bundleURI", "false"],
  ];
  if (!ip) {
    const pins = usable.map((one) => (one.includes(":") ? `[${one.replace(/%.*$/, "")}]` : one));
    config.push(["http.curloptResolve", `${host}:${port}:${pins.join(",")}`]);
  }
  if (policy.caFile)
    // The folder keeps the system's own certificates trusted: a bundle alone would replace them.
    config.push(["http.sslCAInfo", policy.caFile], ["http.sslCAPath", "/etc/ssl/certs"]);
  return { url: url.href, host, config };
};

const defaultLookup: Lookup = (host) => systemLookup(host, { all: true, verbatim: true });
