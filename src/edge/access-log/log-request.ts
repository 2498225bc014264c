import { ascii } from "../byte-classes.ts";
import type { Exchange, Replica } from "../state.ts";
import type { Traffic } from "../traffic.ts";
import { networkOf } from "./anonymous.ts";
import { put, putMs, putReversedHex, putNumber, putThree, putTime } from "./log-line.ts";
import { type LogWriter, makeRoom } from "./log-writer.ts";

/** A site's log, and how its lines end, ready as bytes. */
export interface SiteLog {
  readonly writer: LogWriter;
  /** Addresses, queries, referrers and user agents are told whole. */
  readonly full: boolean;
  /** By replica, null for the edge itself; the places are those of `tailAt`. */
  readonly tails: Map<Replica | null, (Tail | undefined)[]>;
}

interface Tail {
  host: string;
  words: Uint8Array;
}

const protocols = ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"] as const;
const tailAt = (version: number, secure: boolean): number => version + (secure ? protocols.length : 0);

const bytesInPart = ascii(',"bytesIn":');
const bytesOutPart = ascii(',"bytesOut":');
const msPart = ascii(',"ms":');
const upstreamPart = ascii(',"upstreamMs":');
const endPart = ascii("}\n");
const abortedPart = ascii(',"aborted":true');

/** All parts of a fixed length together, and then some. */
const fixedBytes = 512;

/** Bytes that are not ASCII are told as U+0080 to U+00FF: nothing a visitor sends can break or end a line. */
export const jsonText = (text: string): string =>
  JSON.stringify(text).replace(
    /[\x7f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** What a line is made of. */
export type Logged = Pick<
  Exchange,
  | "visitor"
  | "address"
  | "secure"
  | "requestId"
  | "requestNumber"
  | "status"
  | "bytesIn"
  | "bytesOut"
  | "startedAtMs"
  | "answeredAtMs"
  | "seen"
  | "host"
  | "detail"
  | "minor"
>;

/** Writes the line of an exchange that is over. */
export const logRequest = (
  traffic: Traffic,
  { writer, full, tails }: SiteLog,
  exchange: Logged,
  replica: Replica | null,
  nowMs: number,
  aborted: boolean,
): void => {
  const { visitor, detail, requestId } = exchange;
  const { words } = exchange.seen!;
  const { edge } = visitor;
  const version = visitor.http2 ? 2 : exchange.minor;
  const tail = tailOf(tails, replica, version, exchange.secure, exchange.host);
  const room = fixedBytes + words.length + tail.length + (detail?.length ?? 0) + (requestId?.length ?? 0);
  if (!makeRoom(writer, room, traffic)) return;
  const out = writer.bytes;
  let at = putTime(out, writer.length, traffic.clock, nowMs);
  if (requestId !== null) at = put(out, at, ascii(`Z","id":"${requestId}`));
  else {
    if (exchange.requestNumber === 0) exchange.requestNumber = ++edge.requests;
    at = put(out, at, traffic.idWords);
    at = putReversedHex(out, at, exchange.requestNumber);
  }
  at = put(out, at, addressWords(traffic, exchange.address, full));
  at = put(out, at, words);
  at = putThree(out, at, exchange.status);
  at = put(out, at, bytesInPart);
  at = putNumber(out, at, exchange.bytesIn);
  at = put(out, at, bytesOutPart);
  at = putNumber(out, at, exchange.bytesOut);
  at = put(out, at, msPart);
  at = putMs(out, at, nowMs - exchange.startedAtMs);
  if (exchange.answeredAtMs > 0) {
    at = put(out, at, upstreamPart);
    at = putMs(out, at, exchange.answeredAtMs - exchange.startedAtMs);
  }
  at = put(out, at, tail);
  if (detail !== null) at = put(out, at, detail);
  if (aborted) at = put(out, at, abortedPart);
  writer.length = put(out, at, endPart);
  writer.lines++;
};

/** The same visitor comes again and again: only the last address is remembered. */
const addressWords = (traffic: Traffic, address: string, full: boolean): Uint8Array => {
  const { lastAddress } = traffic;
  if (lastAddress.address !== address || lastAddress.full !== full) {
    const told = full ? address.replace(/[^0-9A-Fa-f:.]/g, "") : networkOf(address);
    lastAddress.address = address;
    lastAddress.full = full;
    lastAddress.words = ascii(`","address":"${told}",`);
  }
  return lastAddress.words;
};

/** `,"replica":"…","protocol":"HTTP/1.1","tls":true,"host":"…"` */
const tailOf = (
  tails: SiteLog["tails"],
  replica: Replica | null,
  version: number,
  secure: boolean,
  host: string,
): Uint8Array => {
  let some = tails.get(replica);
  if (some === undefined) tails.set(replica, (some = new Array<Tail | undefined>(2 * protocols.length)));
  const at = tailAt(version, secure);
  const known = some[at];
  if (known !== undefined && known.host === host) return known.words;
  const served = replica === null ? "" : `,"replica":${jsonText(replica.upstream.replicaId)}`;
  const words = ascii(
    `${served},"protocol":"${protocols[version]}","tls":${secure},"host":${jsonText(host)}`,
  );
  some[at] = { host, words };
  return words;
};
