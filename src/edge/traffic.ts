import type { Route } from "../domain/edge.ts";
import type { Log } from "../domain/log.ts";
import { originOf, withoutUserinfo } from "./access-log/anonymous.ts";
import { createLineClock, type LineClock } from "./access-log/log-line.ts";
import { jsonText, logRequest, type SiteLog } from "./access-log/log-request.ts";
import { createLogWriter, createSpare, type LogWriter, type WriterDeps } from "./access-log/log-writer.ts";
import { logFolder } from "./access-log/segments.ts";
import { ascii } from "./byte-classes.ts";
import { textOf } from "./fields.ts";
import { countPath, createPathCounts, type PathCounts } from "./paths/path-counts.ts";
import { createSeenPaths, entryFor, type SeenPaths, seePath } from "./paths/seen-paths.ts";
import type { RequestHead } from "./request-head.ts";
import type { ActiveRoute, Edge, Exchange } from "./state.ts";

/** What the edge remembers of single requests: counts by path, and the sites' access logs. */
export interface Traffic {
  /** The edge's folder; null: nothing is kept. */
  readonly dir: string | null;
  readonly log: Log;
  readonly nowMs: () => number;
  readonly spare: WriterDeps["spare"];
  readonly open: Set<LogWriter>;
  readonly clock: LineClock;
  /** `Z","id":"9f31c0a2b7d4-`: the end of the time, and how the ids of this process begin. */
  readonly idWords: Uint8Array;
  readonly seen: SeenPaths;
  /** By route. */
  readonly counts: Map<string, PathCounts>;
  /** By environment: the routes of one site share its log. */
  readonly writers: Map<string, LogWriter>;
  /** The last origin that a visitor came from, with the slash behind it, and what a line says of it. */
  readonly lastReferer: { start: Uint8Array; words: Uint8Array };
  readonly lastAddress: { address: string; full: boolean; words: Uint8Array };
}

/** A route's part in it, found once per table. */
export interface RouteTraffic {
  readonly counts: PathCounts | null;
  readonly siteLog: SiteLog | null;
}

const idFieldBytes = "X-Request-Id: ".length;

export const createTraffic = (deps: { dir: string | null; log: Log; idLine: Uint8Array }): Traffic => ({
  dir: deps.dir,
  log: deps.log,
  nowMs: Date.now,
  spare: createSpare(),
  open: new Set(),
  clock: createLineClock(Date.now() - performance.now()),
  idWords: Buffer.concat([ascii('Z","id":"'), deps.idLine.subarray(idFieldBytes)]),
  seen: createSeenPaths(),
  counts: new Map(),
  writers: new Map(),
  lastReferer: { start: new Uint8Array(), words: new Uint8Array() },
  lastAddress: { address: "", full: false, words: new Uint8Array() },
});

const dayMs = 24 * 3_600_000;

export const routeTraffic = (
  traffic: Traffic,
  { id, target, accessLog, countPaths }: Route,
): RouteTraffic => {
  let counts: PathCounts | null = null;
  if (countPaths === true && target.kind !== "redirect") {
    counts = traffic.counts.get(id) ?? createPathCounts();
    traffic.counts.set(id, counts);
  }
  if (accessLog == null || traffic.dir === null) return { counts, siteLog: null };
  const { into, maxBytes, keptDays, detail } = accessLog;
  let writer = traffic.writers.get(into);
  if (writer === undefined) {
    writer = createLogWriter(logFolder(traffic.dir, into), maxBytes, keptDays * dayMs);
    traffic.writers.set(into, writer);
  }
  writer.ringBytes = maxBytes;
  writer.keptMs = keptDays * dayMs;
  return { counts, siteLog: { writer, full: detail === "full", tails: new Map() } };
};

export const trafficOf = (edge: Edge, target: ActiveRoute): RouteTraffic =>
  (target.traffic ??= routeTraffic(edge.traffic, target.route));

/** A request of a route has begun; its head is in the scratch space. */
export const noteRequest = (exchange: Exchange, host: string, head: RequestHead, input: Uint8Array): void => {
  const { edge } = exchange.visitor;
  const { counts, siteLog } = trafficOf(edge, exchange.target);
  if (counts === null && siteLog === null) return;
  exchange.seen = seePath(edge.traffic.seen, counts, edge.requestOut.bytes);
  if (siteLog === null) return;
  exchange.host = host;
  const { refererStart, refererEnd } = head.fields;
  if (siteLog.full) exchange.detail = ascii(wholeDetail(head, input));
  else if (refererStart >= 0) exchange.detail = refererDetail(edge.traffic, input, refererStart, refererEnd);
};

/** Most come from where the one before came from, a page of the same site. */
const refererDetail = (
  { lastReferer }: Traffic,
  input: Uint8Array,
  from: number,
  to: number,
): Uint8Array | null => {
  const { start } = lastReferer;
  if (start.length > 0 && to - from >= start.length && startsWith(input, from, start))
    return lastReferer.words;
  const origin = originOf(textOf(input, from, to));
  if (origin === null) return null;
  lastReferer.start = ascii(`${origin}/`);
  lastReferer.words = ascii(`,"referer":${jsonText(origin)}`);
  return lastReferer.words;
};

const startsWith = (input: Uint8Array, from: number, start: Uint8Array): boolean => {
  for (let i = 0; i < start.length; i++) if (input[from + i] !== start[i]) return false;
  return true;
};

const longestText = 1024;

const wholeDetail = ({ fields, targetStart, targetEnd }: RequestHead, input: Uint8Array): string => {
  const part = (name: string, text: string): string =>
    `,"${name}":${jsonText(text.length > longestText ? `${text.slice(0, longestText)}...` : text)}`;
  let detail = "";
  const query = input.indexOf(0x3f, targetStart);
  if (query >= 0 && query < targetEnd) detail += part("query", textOf(input, query + 1, targetEnd));
  if (fields.refererStart >= 0)
    detail += part("referer", withoutUserinfo(textOf(input, fields.refererStart, fields.refererEnd)));
  if (fields.agentStart >= 0) detail += part("userAgent", textOf(input, fields.agentStart, fields.agentEnd));
  return detail;
};

/**
 * An exchange is over; to be called while it still has its replica.
 * @param timed its answer was whole, and no conversation
 */
export const noteEnd = (exchange: Exchange, nowMs: number, timed: boolean): void => {
  const { seen, target, visitor } = exchange;
  if (seen === null) return;
  const { traffic } = visitor.edge;
  if (seen.counts !== null)
    countPath(
      entryFor(seen, seen.counts),
      exchange.status,
      exchange.bytesIn,
      exchange.bytesOut,
      timed ? nowMs - exchange.startedAtMs : null,
    );
  const { siteLog } = trafficOf(visitor.edge, target);
  if (siteLog !== null)
    logRequest(traffic, siteLog, exchange, exchange.replica, nowMs, !timed && exchange.tunnel === null);
};
