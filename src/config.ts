import { isIP } from "node:net";
import { resolve } from "node:path";
import { z } from "zod";
import { AppError, invalid } from "./errors.ts";

export interface Address {
  host: string;
  port: number;
}

/** Typed settings of one installation; see README for each. */
export interface Settings {
  dataDir: string;
  /** Panel and API. */
  listen: Address;
  baseDomain: string;
  panelDomain: string;
  /** How people reach the panel; no trailing slash. */
  publicUrl: string;
  /** Edge listener for plain HTTP; null when off. */
  http: Address | null;
  /** Edge listener for HTTPS; null when off. */
  https: Address | null;
  /** HTTP/2 is offered over HTTPS. */
  http2: boolean;
  /** For a handshake with a name that no certificate is for. */
  httpsFallback: "refuse" | "self-signed";
  /** Where certificates are ordered; null: nowhere. */
  acme: {
    directoryUrl: string;
    email: string | null;
    caFile: string | null;
    /** An account with the authority that orders belong to; null: none is needed. */
    externalAccount: { keyId: string; hmacKey: string } | null;
  } | null;
  /** What domains are to point at; null: the public addresses of this machine's interfaces. */
  publicAddresses: string[] | null;
  /** `address[:port]` of name servers that domains are looked up with; empty for the system's. */
  dnsServers: string[];
  /** Addresses and networks whose word on where a request comes from the edge believes. */
  trustedProxies: string[];
  /** They begin each connection with a PROXY header. */
  proxyProtocol: boolean;
  sampleSeconds: number;
  /** How often what sites have on disk is measured and held to their limits. */
  diskSeconds: number;
  /** The host guard acts when the machine runs short of something; otherwise it only looks. */
  guard: boolean;
  /** What new volumes are: `auto` makes file systems of their own where this machine can. */
  volumeKind: "auto" | "loop" | "folder";
  /** What is under way on an old release (a download, a WebSocket) may go on so long after a switch. */
  drainSeconds: number;
  dockerHost: string;
  /** Numeric user that the edge runs as when the daemon is root. */
  edgeUid: number;
  /** How many edge processes share the addresses. */
  edgeProcesses: number;
  /** Pool that environments' subnets are cut from. */
  networkPool: string;
  /** host[:port] names that git sources and images may be fetched from although they have private addresses. */
  fetchAllowHosts: string[];
  /** Further CA bundle for git sources; null for the system's. */
  fetchCaFile: string | null;
}

const address = z.string().transform((text, context): Address => {
  const match = /^(?:(\[[0-9a-f:]+\]|[^:\s]*):)?(\d{1,5})$/i.exec(text.trim());
  const port = Number(match?.[2]);
  if (!match || port > 65535) {
    context.addIssue({ code: "custom", message: "must look like 127.0.0.1:7300" });
    return z.NEVER;
  }
  return { host: (match[1] || "0.0.0.0").replace(/^\[|\]$/g, ""), port };
});

const addressOrOff = (example = "0.0.0.0:80") =>
  z.union([z.literal("off").transform(() => null), address], {
    error: `must be an address such as ${example}, or off`,
  });

const acmeDirectories: Record<string, string> = {
  production: "https://acme-v02.api.letsencrypt.org/directory",
  staging: "https://acme-staging-v02.api.letsencrypt.org/directory",
};
const acmeDirectory = z
  .string()
  .transform((text) => (text === "off" ? null : (acmeDirectories[text] ?? text)))
  .refine(
    (url) => url === null || (URL.canParse(url) && url.startsWith("https://")),
    "must be the https:// address of an ACME directory, or production or staging (of Let's Encrypt), or off",
  );

const list = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

const network = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

const hostName = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "must be a host name");

/**
 * Reads settings from the environment.
 * @throws AppError `invalid_input` naming each variable that is wrong and what is allowed
 */
export const readSettings = (
  env: Record<string, string | undefined>,
  isRoot = process.getuid?.() === 0,
): Settings => {
  const schema = z.object({
    CROFT_DATA_DIR: z.string().default("./data"),
    CROFT_LISTEN: address.default({ host: "127.0.0.1", port: 7300 }),
    CROFT_BASE_DOMAIN: hostName.default("localhost"),
    CROFT_PANEL_DOMAIN: hostName.optional(),
    CROFT_PUBLIC_URL: z
      .url({ protocol: /^https?$/, error: "must be an http:// or https:// address" })
      .optional(),
    CROFT_HTTP: addressOrOff().default({ host: "0.0.0.0", port: isRoot ? 80 : 8080 }),
    CROFT_HTTPS: addressOrOff("0.0.0.0:443").optional(),
    CROFT_HTTP2: z.enum(["on", "off"], { error: "must be on or off" }).default("on"),
    CROFT_HTTPS_FALLBACK: z
      .enum(["refuse", "self-signed"], { error: "must be refuse or self-signed" })
      .default("refuse"),
    CROFT_ACME_DIRECTORY: acmeDirectory.default(acmeDirectories.production!),
    CROFT_ACME_EMAIL: z.email("must be an e-mail address").optional(),
    CROFT_ACME_CA_FILE: z.string().optional(),
    CROFT_ACME_EAB_KID: z.string().optional(),
    CROFT_ACME_EAB_HMAC_KEY: z
      .string()
      .regex(/^[A-Za-z0-9_-]+=*$/, "must be base64url, as the authority shows it")
      .optional(),
    CROFT_PUBLIC_ADDRESS: z
      .string()
      .transform(list)
      .refine(
        (all) => all.length > 0 && all.every((one) => isIP(one) !== 0),
        "must be IP addresses such as 203.0.113.7, separated by commas",
      )
      .optional(),
    CROFT_TRUSTED_PROXIES: z
      .string()
      .transform(list)
      .refine(
        (all) => all.every((one) => network.safeParse(one).success),
        "must be addresses or networks such as 192.0.2.1 or 10.0.0.0/8, separated by commas",
      )
      .default([]),
    CROFT_PROXY_PROTOCOL: z.enum(["on", "off"], { error: "must be on or off" }).default("off"),
    CROFT_DNS_SERVERS: z
      .string()
      .transform(list)
      .refine(
        (all) =>
          all.every((one) => isIP(one.replace(/:\d+$/, "").replace(/^\[|\]$/g, "")) !== 0 || isIP(one) !== 0),
        "must be IP addresses such as 192.0.2.53 or 127.0.0.1:5353, separated by commas",
      )
      .default([]),
    CROFT_SAMPLE_SECONDS: z.coerce
      .number("must be a number of seconds between 1 and 3600")
      .int("must be a whole number of seconds")
      .min(1, "must be between 1 and 3600")
      .max(3600, "must be between 1 and 3600")
      .default(30),
    CROFT_DISK_SECONDS: z.coerce
      .number("must be a number of seconds between 1 and 3600")
      .int("must be a whole number of seconds")
      .min(1, "must be between 1 and 3600")
      .max(3600, "must be between 1 and 3600")
      .default(30),
    CROFT_GUARD: z.enum(["on", "off"], { error: "must be on or off" }).default("on"),
    CROFT_VOLUME_KIND: z
      .enum(["auto", "loop", "folder"], { error: "must be auto, loop or folder" })
      .default("auto"),
    CROFT_DRAIN_SECONDS: z.coerce
      .number("must be a number of seconds between 1 and 3600")
      .int("must be a whole number of seconds")
      .min(1, "must be between 1 and 3600")
      .max(3600, "must be between 1 and 3600")
      .default(30),
    DOCKER_HOST: z
      .string()
      .regex(/^(unix:\/\/\/|tcp:\/\/)/, "must start with unix:/// or tcp://")
      .default("unix:///var/run/docker.sock"),
    CROFT_EDGE_UID: z.coerce
      .number("must be a user's number between 1 and 65533")
      .int("must be a whole number between 1 and 65533")
      .min(1, "must not be root")
      .max(65533, "must be below 65534")
      .default(7301),
    CROFT_EDGE_PROCESSES: z.coerce
      .number("must be a whole number between 1 and 16")
      .int("must be a whole number between 1 and 16")
      .min(1, "must be between 1 and 16")
      .max(16, "must be between 1 and 16")
      .default(1),
    CROFT_NETWORK_POOL: z
      .string()
      .regex(/^\d+\.\d+\.\d+\.\d+\/(8|9|1\d|2[0-4])$/, "must be an IPv4 range such as 10.210.0.0/16")
      .default("10.210.0.0/16"),
    CROFT_FETCH_ALLOW_HOSTS: z.string().default(""),
    CROFT_FETCH_CA_FILE: z.string().optional(),
  });
  // An empty variable means the default, as in most tools.
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => ({
      path: String(issue.path[0]),
      message: issue.message,
    }));
    throw new AppError("invalid_input", fields.map((field) => `${field.path}: ${field.message}`).join("; "), {
      fields,
    });
  }
  const value = parsed.data;
  if ((value.CROFT_ACME_EAB_KID === undefined) !== (value.CROFT_ACME_EAB_HMAC_KEY === undefined))
    throw new AppError(
      "invalid_input",
      "CROFT_ACME_EAB_KID and CROFT_ACME_EAB_HMAC_KEY belong together: set both or neither",
    );
  if (value.CROFT_PROXY_PROTOCOL === "on" && value.CROFT_TRUSTED_PROXIES.length === 0)
    throw invalid("CROFT_PROXY_PROTOCOL", "on needs CROFT_TRUSTED_PROXIES to name the proxies that send it");
  const panelDomain = value.CROFT_PANEL_DOMAIN ?? `croft.${value.CROFT_BASE_DOMAIN}`;
  const http = value.CROFT_HTTP;
  // Where plain HTTP was moved away from its usual port, 443 is not this installation's either.
  const https =
    value.CROFT_HTTPS === undefined
      ? isRoot && http?.port === 80
        ? { host: http.host, port: 443 }
        : null
      : value.CROFT_HTTPS;
  const listen = value.CROFT_LISTEN;
  const publicUrl =
    value.CROFT_PUBLIC_URL ??
    (http
      ? `http://${panelDomain}${http.port === 80 ? "" : `:${http.port}`}`
      : `http://${listen.host}:${listen.port}`);
  return {
    dataDir: resolve(value.CROFT_DATA_DIR),
    listen,
    baseDomain: value.CROFT_BASE_DOMAIN,
    panelDomain,
    publicUrl: publicUrl.replace(/\/+$/, ""),
    http,
    https,
    http2: value.CROFT_HTTP2 === "on",
    httpsFallback: value.CROFT_HTTPS_FALLBACK,
    acme:
      value.CROFT_ACME_DIRECTORY === null
        ? null
        : {
            directoryUrl: value.CROFT_ACME_DIRECTORY,
            email: value.CROFT_ACME_EMAIL ?? null,
            caFile: value.CROFT_ACME_CA_FILE ?? null,
            externalAccount:
              value.CROFT_ACME_EAB_KID !== undefined && value.CROFT_ACME_EAB_HMAC_KEY !== undefined
                ? { keyId: value.CROFT_ACME_EAB_KID, hmacKey: value.CROFT_ACME_EAB_HMAC_KEY }
                : null,
          },
    publicAddresses: value.CROFT_PUBLIC_ADDRESS ?? null,
    dnsServers: value.CROFT_DNS_SERVERS,
    trustedProxies: value.CROFT_TRUSTED_PROXIES,
    proxyProtocol: value.CROFT_PROXY_PROTOCOL === "on",
    sampleSeconds: value.CROFT_SAMPLE_SECONDS,
    diskSeconds: value.CROFT_DISK_SECONDS,
    guard: value.CROFT_GUARD === "on",
    volumeKind: value.CROFT_VOLUME_KIND,
    drainSeconds: value.CROFT_DRAIN_SECONDS,
    dockerHost: value.DOCKER_HOST,
    edgeUid: value.CROFT_EDGE_UID,
    edgeProcesses: value.CROFT_EDGE_PROCESSES,
    networkPool: value.CROFT_NETWORK_POOL,
    fetchAllowHosts: list(value.CROFT_FETCH_ALLOW_HOSTS),
    fetchCaFile: value.CROFT_FETCH_CA_FILE ?? null,
  };
};

/** Whether visitors are served at all. */
export const edgeOn = ({ http, https }: Pick<Settings, "http" | "https">): boolean =>
  http !== null || https !== null;

/**
 * Where a visitor finds a host of this installation.
 * @param secured whether the host has a certificate
 */
export const siteUrl = (
  { http, https }: Pick<Settings, "http" | "https">,
  host: string,
  secured = false,
): string => {
  const port = (usual: number, address: Address | null) =>
    address === null || address.port === usual ? "" : `:${address.port}`;
  // Without a plain listener HTTPS is the only way in.
  return (secured && https !== null) || (http === null && https !== null)
    ? `https://${host}${port(443, https)}`
    : `http://${host}${port(80, http)}`;
};
