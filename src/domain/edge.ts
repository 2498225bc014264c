/**
 * What daemon and edge say to each other over the edge's unix socket (`run/edge/edge.sock`, HTTP/1.1, JSON). An edge may
 * be several processes, and others that only finish what is under way: the one that answers passes on what it is told, and
 * sums up what it is asked for.
 *
 * - `GET  /health`       -> EdgeHealth
 * - `PUT  /table`        RouteTable -> `{version}`; answered only once every new request follows the new table.
 *                        A table whose version is not above the present one is refused with 409.
 * - `GET  /meters`       -> MeterReading, cumulative since the counters began; they survive restarts of the edge.
 * - `GET  /active`       -> `{ [replicaId]: number }` requests and upgraded connections in flight per replica.
 * - `GET  /held`       -> `{ [routeId]: number }` requests that wait for another target, where there are any.
 * - `GET  /wanted`       -> `[routeId]` as soon as a request begins to wait, else after 5 s: routes where some wait.
 * - `PUT  /targets`      `{version, targets: {[routeId]: RouteTarget}}` -> `{}`; leads present routes elsewhere at once,
 *                        without storing it: a table that says the same follows. 409 unless `version` is the present one.
 * - `POST /drain`        `{replicaIds, deadlineMs}` (from now) -> `{remaining}`; answers when none is in flight on them any
 *                        more or at the deadline, at which what is left is cut (WebSockets with close 1001).
 * - `PUT  /certificates` CertificateSet -> `{version}`; answered once every new handshake uses it; connections in flight
 *                        keep theirs. A certificate that does not parse, or whose key does not fit, is refused with 422
 *                        naming it, a version below the present one with 409; nothing changes then. Kept on the edge's
 *                        disk, so that a restarted edge serves HTTPS alone.
 * - `PUT  /challenges`   `{challenges: AcmeChallenge[]}` -> `{}`; replaces the set. Not kept over a restart.
 * - `POST /stop`         stop listening, finish what runs (10 s at most), exit.
 */
export interface RouteTable {
  /** Grows with each change; the daemon takes it from a persisted counter. */
  version: number;
  routes: Route[];
  /**
   * Addresses and networks of proxies in front of the edge. From them `X-Forwarded-For`, `-Proto` and `X-Request-Id`
   * are believed; from everybody else they are replaced.
   */
  trustedProxies?: string[];
}

export interface Route {
  /** Environment id; for the panel `panel`. Meters are kept under it. */
  id: string;
  /** Another route's id, under whose meter it is counted: for hosts that only lead to that route's. */
  countAs?: string;
  /** Lower-case host names without port; `*.example.org` for exactly one label. An exact name goes first. */
  hosts: string[];
  target: RouteTarget;
  limits: RouteLimits;
  /** Absent or null: the same over plain HTTP and HTTPS. */
  https?: RouteHttps | null;
  /** Requests are written to the site's log; absent or null: they are not. */
  accessLog?: RouteAccessLog | null;
  /** Requests are counted by method and path, too. */
  countPaths?: boolean;
  /** What the site asks of the edge beyond being served; absent or null costs a request nothing. */
  rules?: RouteRules | null;
}

/**
 * The log is a ring of files in the edge's folder (`edge/access-log/segments`), one JSON object a line; see
 * `domain/access-log`.
 */
export interface RouteAccessLog {
  /** Whose log: the environment's id. Routes that lead to a site share its log. */
  into: string;
  /** `full` tells addresses, queries, referrers and user agents; `anonymous` networks and the referrers' origins. */
  detail: "anonymous" | "full";
  maxBytes: number;
  keptDays: number;
}

/** Applied in this order, after limits and the redirect to HTTPS; absent parts do nothing. */
export interface RouteRules {
  /** Addresses or CIDR networks. Others are answered 403 when `allow` is not empty, and those in `deny` always. */
  allow?: string[];
  deny?: string[];
  /** 503 for every request. */
  maintenance?: { retryAfterSeconds: number } | null;
  /** Basic authentication (RFC 7617); hashes as of `Bun.password`. */
  users?: { name: string; passwordHash: string }[];
  /** The longest matching one decides; the query is kept unless `to` has one. */
  redirects?: { from: string; to: string; status: number; prefix: boolean }[];
  /** On every answer, in place of the app's own of that name. */
  responseHeaders?: { name: string; value: string }[];
  /** HTML in place of the edge's own pages; what the app itself answers is passed on as it is. */
  pages?: { notFound?: string | null; error?: string | null; maintenance?: string | null };
  spaFallback?: boolean;
  precompressed?: boolean;
  /** Of what replicas answer; gzip or zstd as the visitor accepts. */
  compression?: boolean;
}

export interface RouteHttps {
  /**
   * Plain HTTP answers 308 to HTTPS, ACME challenges excepted. A host without a certificate, or an edge without an
   * HTTPS listener, serves it as it is.
   */
  redirect: boolean;
  /** `Strict-Transport-Security: max-age` on answers over HTTPS, in place of the site's own (RFC 6797). */
  hstsSeconds: number | null;
}

export interface RouteLimits {
  maxBodyBytes: number;
  requestsPerMinute: number | null;
  concurrentRequests: number | null;
  /** For each visitor's address, IPv6 by /64. */
  clientRequestsPerMinute?: number | null;
  /** Of one WebSocket message that a visitor sends, its frames together; longer ones close it with 1009. 16 MB if absent. */
  webSocketMessageBytes?: number;
  /** Absent or null: bandwidth is only counted. */
  bandwidth?: RouteBandwidth | null;
}

/**
 * A month's bandwidth, in and out together, as the route's meter counts it. It is told as a reading of the meter,
 * which stays the same all month: the edge needs no word from the daemon to know when it is used up.
 */
export interface RouteBandwidth {
  /** Life of the counters that `usedUpAtBytes` belongs to (`MeterReading.epoch`); in another one nothing is held back. */
  epoch: string;
  /** `bytesIn + bytesOut` of the meter from which on the month's bandwidth is used up. */
  usedUpAtBytes: number;
  /** Wall time at which the month ends. Until told otherwise, the edge then begins another with `bytesPerMonth`. */
  endsAtMs: number;
  bytesPerMonth: number;
  /**
   * `block` answers new requests with 509, closes WebSockets (1008), and breaks off answers without a length that have
   * run for a minute; what else is under way then may end.
   */
  policy: "throttle" | "block";
  /** Of all visitors together, with `throttle`. */
  bytesPerSecond: number;
}

export type RouteTarget =
  /**
   * Running replicas, least connections first. One that refuses or resets a connection is left out for a while,
   * longer each time, and tried again with one request; when all are, they are tried all the same.
   */
  | { kind: "replicas"; replicas: Upstream[]; split?: TrafficSplit | null }
  /**
   * Requests wait (after the site's rules) until a table gives the route another target: for a site that wakes or
   * is paused. Beyond `maxRequests`, and after `maxMs`, they are answered 503 with `Retry-After`.
   */
  | { kind: "hold"; maxRequests: number; maxMs: number }
  /** A release folder that the edge serves itself; absolute path. */
  | { kind: "static"; folder: string }
  /** To the same path and query on another host, by the scheme and port that were asked: 308, or 307 if not `permanent`. */
  | { kind: "redirect"; host: string; permanent: boolean }
  /** Nothing to serve: a page with this status and sentence (`Retry-After` with 503). */
  | { kind: "message"; status: number; title: string; message: string };

/**
 * Shares visitors out among groups of the replicas, such as two releases. Who has no cookie of a present group gets
 * one by weight, and a cookie that brings them back; a group whose replicas all fail gives way to the others.
 */
export interface TrafficSplit {
  cookie: string;
  /** Null: until the browser is closed. */
  maxAgeSeconds: number | null;
  /** A group of weight 0 serves only who has its cookie. */
  groups: { name: string; weight: number; replicaIds: string[] }[];
}

/** Identity and address; an address alone is never trusted, since container addresses are reused. */
export interface Upstream {
  replicaId: string;
  address: { host: string; port: number } | { unixPath: string };
}

export interface EdgeHealth {
  /** Of the process that leads. */
  pid: number;
  /** Names that process for ever; empty for an edge of before hand-overs. */
  process: string;
  /** Protocol and program version; a daemon replaces an edge of another version. */
  version: string;
  tableVersion: number;
  /** 0 before the first. */
  certificateVersion: number;
  startedAtMs: number;
  /** `host:port`; HTTPS as `https://host:port`. */
  listening: string[];
  /** HTTP/2 is offered over HTTPS. */
  http2: boolean;
  /** Trusted proxies begin each connection with a PROXY header. */
  proxyProtocol: boolean;
  /** How many are to serve, the lead among them. */
  processes: number;
  /** Others, that only finish what is under way. */
  retired: number;
}

export interface CertificateSet {
  /** Grows with each change; the same version may be sent again. */
  version: number;
  certificates: EdgeCertificate[];
  /** For a handshake that names no host, or one that no certificate is for. */
  fallback: "refuse" | "self-signed";
}

export interface EdgeCertificate {
  /** Lower-case host names it is served for; `*.example.org` for exactly one label. An exact name goes first. */
  names: string[];
  /** PEM, the leaf first, then its chain. */
  certificate: string;
  /** PEM, not encrypted. */
  key: string;
}

/**
 * Answered at `GET /.well-known/acme-challenge/<token>` of the host, before any redirect (RFC 8555 section 8.3); with
 * `tls-alpn-01` in the handshake of who offers `acme-tls/1` (RFC 8737), during which others cannot reach the host.
 */
export interface AcmeChallenge {
  type?: "http-01" | "tls-alpn-01";
  token: string;
  keyAuthorization: string;
  /** Lower case; needs no route. */
  host: string;
}

/** Cumulative since the counter file began. Bytes count heads and bodies as seen by the visitor. */
export interface RouteMeter {
  requests: number;
  /** By class: 1xx is not counted. `status5xx` includes the edge's own 502, 503 and 504. */
  status2xx: number;
  status3xx: number;
  status4xx: number;
  status5xx: number;
  bytesIn: number;
  bytesOut: number;
  /** Right now, not cumulative. */
  active: number;
  /** Sum of response times (request head complete -> response complete) in ms. */
  latencySumMs: number;
  /** Count per bucket of `latencyBoundsMs` (domain/latency-histogram). Upgrades are not in it. As JSON: `latencyText`. */
  latency: number[];
}

export interface MeterReading {
  /** Names one life of the counters. When it changes, the reader's baseline is zero. */
  epoch: string;
  atMs: number;
  meters: Record<string, RouteMeter>;
}
