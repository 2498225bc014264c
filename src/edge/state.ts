import type { Route, Upstream } from "../domain/edge.ts";
import type { Log } from "../domain/log.ts";
import type { CoarseClock, Outlet } from "./byte-socket.ts";
import type { Capacity } from "./capacity.ts";
import type { ChunkedBody } from "./chunked-body.ts";
import type { DateLine } from "./date-line.ts";
import type { Deadlines } from "./deadlines.ts";
import type { BodyFrame } from "./body-frame.ts";
import type { Session } from "./h2/state.ts";
import type { HeadWriter } from "./head-writer.ts";
import type { Bandwidth } from "./bandwidth.ts";
import type { ClientLimiter } from "./client-limiter.ts";
import type { Meter } from "./meter.ts";
import type { LastProvenance } from "./provenance.ts";
import type { RequestHead } from "./request-head.ts";
import type { ResponseHead } from "./response-head.ts";
import type { Coding } from "./rules/compression.ts";
import type { Packer } from "./rules/pack-answer.ts";
import type { Networks } from "./rules/networks.ts";
import type { SiteRules } from "./rules/site-rules.ts";
import type { SeenPath } from "./paths/seen-paths.ts";
import type { ActiveGroup, ActiveSplit } from "./split.ts";
import type { SharedMemory } from "./shared/memory.ts";
import type { RateBucket } from "./shared/rate-bucket.ts";
import type { RouteShare } from "./shared/share.ts";
import type { StaticFolder } from "./static/static-file.ts";
import type { RouteTraffic, Traffic } from "./traffic.ts";
import type { CertificateBook } from "./tls/certificate-set.ts";
import type { Challenges } from "./tls/challenges.ts";
import type { SecureChannel } from "./tls/secure-channel.ts";
import type { WakeCalls } from "./wake-calls.ts";
import type { Turns } from "./turns.ts";
import type { UpstreamEvents } from "./upstream-connection.ts";

/** The records of the data path. One visitor has at most one exchange, an exchange at most one upstream connection. */
export interface Edge {
  readonly log: Log;
  readonly clock: CoarseClock;
  readonly deadlines: Deadlines;
  /** Monotonic, in ms with fractions; for latencies. */
  readonly now: () => number;
  readonly visitors: Set<Visitor>;
  /** Connections that speak HTTP/2; their streams are among the visitors. */
  readonly sessions: Set<Session>;
  readonly connecting: Set<UpstreamConnection>;
  /** Held back since their route's bandwidth is used up. */
  readonly slowed: Set<Exchange>;
  /** Of large answers. */
  readonly turns: Turns;
  /** A look at all visitors is under way. */
  sweeping: boolean;
  /** Wait for another target, by route id. */
  readonly held: Map<string, Set<Exchange>>;
  /** For whom somebody has begun to wait. */
  readonly wakeCalls: WakeCalls;
  /** About how much of `held` is kept; the sweep counts anew. */
  heldBytes: number;
  /** Were refused by every replica, and wait for another table. */
  readonly awaiting: Set<Exchange>;
  /** Goes on with an exchange that waited; set by the exchange's module, so that lower ones need not import it. */
  readonly serveAgain: (exchange: Exchange) => void;
  /** From 0 to 1, without 1. */
  readonly random: () => number;
  readonly router: Router;
  readonly upstreamEvents: UpstreamEvents;
  /** Trusted proxies begin each connection with a PROXY header. */
  readonly proxyProtocol: boolean;
  /** When the log last said that one did not (`now`). */
  introductionNotedMs: number;
  readonly capacity: Capacity;
  /** Descriptors in use for connections to upstreams and files being served. */
  outgoing: number;
  /** For handshakes from now on. */
  certificates: CertificateBook;
  challenges: Challenges;
  /** Where HTTPS is served; null when it is not. */
  httpsPort: number | null;
  readonly traffic: Traffic;
  /** Kept by the sweep. */
  readonly date: DateLine;
  readonly lastProvenance: LastProvenance;
  /** The line of a request's id up to its number. */
  readonly idLine: Uint8Array;
  /** How many ids were given. */
  requests: number;
  /** Answers from now on say that their connection ends: another process takes the next ones. */
  leaving: boolean;
  /** No new connections and requests: each connection ends after its answer. */
  stopping: boolean;
  /** Scratch space; each holds its content only within one event. */
  readonly requestHead: RequestHead;
  readonly requestOut: HeadWriter;
  readonly responseHead: ResponseHead;
  readonly responseOut: HeadWriter;
  readonly frame: BodyFrame;
}

/** The present table, ready for lookups, and what outlives a table. */
export interface Router {
  version: number;
  byHost: Map<string, ActiveRoute>;
  /** Some of the hosts are `*.` and a name. */
  hasWildcards: boolean;
  byId: Map<string, ActiveRoute>;
  /** The life of `meters`. */
  readonly epoch: string;
  /** What all processes of the edge count together. */
  readonly shared: SharedMemory;
  /** Cumulative, also of routes that are gone. */
  readonly meters: Map<string, Meter>;
  /** Proxies in front of the edge that are believed; null: none. */
  trusted: Networks | null;
  /** By identity and address; gone ones stay as long as something is in flight on them. */
  readonly replicas: Map<string, Replica>;
}

export interface ActiveRoute {
  route: Route;
  meter: Meter;
  bucket: RateBucket | null;
  /** Null unless something is limited that other processes serve too. */
  share: RouteShare | null;
  clients: ClientLimiter | null;
  readonly bandwidth: Bandwidth;
  /** Null, which is usual, costs nothing. */
  rules: SiteRules | null;
  /** Empty unless the target is replicas. */
  replicas: Replica[];
  /** How visitors are shared out among the replicas; null: all alike. */
  split: ActiveSplit | null;
  /** Of a static target. */
  folder: StaticFolder | null;
  /** The finished `Strict-Transport-Security` line of answers over HTTPS, or nothing. */
  transportSecurity: string;
  /** What is remembered of its requests; null until the first one. */
  traffic: RouteTraffic | null;
}

/** A replica at an address: the key of a pool. Another replica at the same address is another pool. */
export interface Replica {
  readonly key: string;
  readonly upstream: Upstream;
  /** Requests and upgraded connections in flight. */
  active: number;
  /** Unused connections, the last used at the end. */
  idle: UpstreamConnection[];
  /** No longer in the table: nothing is kept open for it. */
  retired: boolean;
  /** Refused or reset connections in a row; above 0 it serves one request at a time. */
  failures: number;
  /** Not preferred until then (coarse clock). */
  avoidUntilMs: number;
}

export interface UpstreamConnection {
  readonly replica: Replica;
  readonly edge: Edge;
  /** Has a descriptor, or is about to get one. */
  counted: boolean;
  out: Outlet;
  phase: "connecting" | "idle" | "head" | "body" | "tunnel" | "closed";
  exchange: Exchange | null;
  /** Came from the pool for the present exchange. */
  reused: boolean;
  /** A byte of the present answer has come. */
  heard: boolean;
  /** Bytes of an incomplete head. */
  held: Uint8Array | null;
  paused: boolean;
  /** Much of an answer may wait in it. */
  wide: boolean;
  /** May be used again after the present answer. */
  keepAlive: boolean;
  framing: "none" | "length" | "chunked" | "close";
  /** The present answer is a stream of events, which has no end. */
  events: boolean;
  /** Bytes left with framing `length`. */
  remaining: number;
  chunks: ChunkedBody | null;
  idleSinceMs: number;
  /** How long it may stay unused; shorter when the upstream said so. */
  maxIdleMs: number;
  /** While connecting. */
  deadlineMs: number;
}

export interface Visitor {
  readonly edge: Edge;
  readonly out: Outlet;
  /** As the socket has it, or a trusted proxy's PROXY header; never from a field. */
  address: string;
  /** It is a stream of HTTP/2. Kept here, since asking a socket for what it has not costs as much as a line. */
  readonly http2: boolean;
  /** Null on plain HTTP. */
  readonly channel: SecureChannel | null;
  /** Over TLS, here or, as its PROXY header says, at a trusted proxy. */
  secure: boolean;
  /** As `provenanceOf` makes it. */
  provenance: Uint8Array;
  /** `introduction`: the PROXY header is due. */
  phase: "introduction" | "head" | "connecting" | "body" | "answer" | "tunnel" | "linger" | "closed";
  /** Received and not read yet: an incomplete head, a pipelined request, a body that waits for its connection. */
  held: Uint8Array | null;
  paused: boolean;
  /** `advance` is running: what ends an exchange inside it must not start it again. */
  advancing: boolean;
  exchange: Exchange | null;
  /** Coarse time by which the visitor must have sent the next thing; Infinity when nothing is awaited. */
  deadlineMs: number;
  /** Has sent FIN: gone, or only done with sending. */
  left: boolean;
  /** A head has begun: its deadline is absolute. */
  headBegun: boolean;
  /** Reads on after an exchange; set by the visitor's module, so that lower ones need not import it. */
  readonly advance: (visitor: Visitor) => void;
}

/** One request and its answer. */
export interface Exchange {
  readonly visitor: Visitor;
  /** Another one of the same route when it was held meanwhile. */
  target: ActiveRoute;
  readonly startedAtMs: number;
  /** Of the visitor: as the socket has it, or as a trusted proxy says. */
  address: string;
  /** It came over HTTPS, here or at a trusted proxy. */
  secure: boolean;
  provenance: Uint8Array;
  /** As a trusted proxy has named it; null: by number. */
  requestId: string | null;
  /** 0 until it is needed. */
  requestNumber: number;
  /** Of the answer; 499 while there is none. */
  status: number;
  /** Head and body, as the visitor sees them. */
  bytesIn: number;
  bytesOut: number;
  /** When the upstream's answer began; 0 while it has not. */
  answeredAtMs: number;
  /** For counts by path and the site's log; null when there is neither. */
  seen: SeenPath | null;
  /** The name it was asked for, and what else the log tells as bytes of its line; null for nothing. */
  host: string;
  detail: Uint8Array | null;
  readonly isHead: boolean;
  readonly minor: 0 | 1;
  readonly webSocket: boolean;
  /** GET, HEAD, OPTIONS, PUT or DELETE without a body: may be sent again (RFC 9110 section 9.2.2). */
  readonly repeatable: boolean;
  /** The visitor's connection goes on after the answer. */
  keepAlive: boolean;

  body: "none" | "length" | "chunked";
  bodyRemaining: number;
  bodyBytes: number;
  chunks: ChunkedBody | null;
  expectContinue: boolean;

  /** The head as received, kept while it may be needed again. */
  headInput: Uint8Array | null;
  headAt: number;

  /** Which of the replicas may serve it; null: all. */
  group: ActiveGroup | null;
  /** The visitor is to be brought back to it. */
  groupIsNew: boolean;
  replica: Replica | null;
  upstream: UpstreamConnection | null;
  connectFailures: number;
  /** The request was sent, and once more. */
  resent: boolean;
  /** Coarse time until which it waits, or has waited, for another table; 0: it has not. */
  newsDueMs: number;
  /** Coarse time by which the upstream must have done its part. */
  deadlineMs: number;

  /** The final answer's head is on its way. */
  answered: boolean;
  /** The answer is framed in chunks for the visitor. */
  chunkedOut: boolean;
  /** The answer is long, and the visitor takes it quickly. */
  quick: boolean;
  /** All of the answer is given to the visitor's outlet. */
  complete: boolean;
  /** What else goes on for this exchange (a file being read), told when there is room again or nobody listens. */
  source: { drained: () => void; cancel: () => void } | null;
  /** How the answer may be compressed. */
  coding: Coding | null;
  packer: Packer | null;
  /** Begins what waits before it was begun. */
  resume: (() => void) | null;
  /** Set with `tunnel`: where the bytes from the upstream stand in WebSocket framing. */
  tunnel: TunnelState | null;
}

export interface TunnelState {
  /** Bytes of the present frame still to come in each direction, with header bytes not seen yet. */
  toVisitor: FramePosition;
  toUpstream: FramePosition;
}

export interface FramePosition {
  /** Payload bytes left in the present frame. */
  payload: number;
  /** Header bytes collected so far. */
  header: number[];
  /** Payload bytes of the present message, frames whose payload is still to come included. */
  message: number;
}
