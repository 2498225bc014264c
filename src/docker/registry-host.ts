import { lookup as systemLookup } from "node:dns/promises";
import { isIP } from "node:net";
import { isPublicAddress } from "../domain/public-address.ts";
import { deployFailed } from "./errors.ts";

/** All addresses of a host name, as `getaddrinfo` writes them. */
export type Lookup = (host: string) => Promise<{ address: string }[]>;

const lookupDeadlineMs = 10_000;
const defaultLookup: Lookup = (host) => systemLookup(host, { all: true, verbatim: true });

/**
 * The registry that Docker asks for an image, as `host[:port]`: the part before the first slash when it looks like
 * a host (distribution/reference, `splitDockerDomain`). Null for Docker Hub, which needs no name.
 */
export const registryOf = (reference: string): string | null => {
  const slash = reference.indexOf("/");
  const first = slash < 0 ? "" : reference.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  return isHost && first !== "docker.io" && first !== "index.docker.io" ? first.toLowerCase() : null;
};

/**
 * Tenants name registries, and the Docker daemon, which sits in the host's own network, would ask any address for
 * them, over plain HTTP where it is a loopback one: only hosts in the public internet may be asked. Docker resolves
 * the name again by itself, so one that changes its address in between still gets its GET through; what comes back
 * is not shown (`withoutBody`).
 * @param allowHosts `host` or `host:port` entries that may be asked although they are not public
 * @throws AppError `deploy_failed`
 */
export const assertPublicRegistry = async (
  reference: string,
  allowHosts: readonly string[],
  lookup: Lookup = defaultLookup,
): Promise<void> => {
  const registry = registryOf(reference);
  if (registry === null) return;
  const host = registry.replace(/:\d+$/, "").replace(/\.+$/, "");
  if (allowHosts.some((entry) => [host, registry].includes(entry.toLowerCase()))) return;
  const found = isIP(host) ? [{ address: host }] : await resolve(host, lookup);
  if (!found.every(({ address }) => isPublicAddress(address)))
    throw deployFailed(
      `images may not be pulled from ${registry}: it is not a public address (the operator can allow it)`,
    );
};

const resolve = async (host: string, lookup: Lookup): Promise<{ address: string }[]> => {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), lookupDeadlineMs);
  });
  try {
    return await Promise.race([lookup(host), late]);
  } catch (cause) {
    throw deployFailed(`the registry ${host} was not found`, cause);
  } finally {
    clearTimeout(timer);
  }
};

/** Docker's message without the body of an answer that was no registry's: it is none of the tenant's business. */
export const withoutBody = (message: string): string =>
  message.replace(/(error parsing HTTP \d+ response body|unexpected HTTP status)\b.*/s, "$1 (no registry)");
