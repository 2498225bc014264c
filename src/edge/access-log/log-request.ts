import { ascii } from "../byte-classes.ts";
import type { Exchange, Replica } from "../state.ts";
import type { Traffic } from "../traffic.ts";
import { networkOf } from "./anonymous.ts";
import { put, putMs, putNumber, putThree, putTime } from "./log-line.ts";
import { type LogWriter, makeRoom } from "./log-writer.ts";

/** A site's log with what its lines have in common, ready as bytes. */
export interface SiteLog {
  readonly writer: LogWriter;
  /** Addresses, queries, referrers and user agents are told whole. */
  readonly full: boolean;
  readonly hosts: Map<string, Uint8Array>;
}

const timePart = ascii('{"time":"');
const idPart = ascii('","id":"');
const addressPart = ascii('","address":"');
const commaPart = ascii('",');
const bytesInPart = ascii(',"bytesIn":');
const bytesOutPart = ascii(',"bytesOut":');
const msPart = ascii(',"ms":');
const upstreamPart = ascii(',"upstreamMs":');
const endPart = ascii("}\n");
const abortedPart = ascii(',"aborted":true');

const protocolParts = [false, true].map((tls) =>
  ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"].map((name) => ascii(`,"protocol":"${name}","tls":${tls}`)),
);

/** All parts of a fixed length together, and then some. */
const fixedBytes = 512;

const hexDigits = ascii("0123456789abcdef");

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
  { writer, full, hosts }: SiteLog,
  exchange: Logged,
  replica: Replica | null,
  nowMs: number,
  aborted: boolean,
): void => {
  const { visitor, detail, requestId } = exchange;
  const { words } = exchange.seen!;
  const { edge } = visitor;
  const room = fixedBytes + words.length + detail.length + exchange.host.length + (requestId?.length ?? 0);
  if (!makeRoom(writer, room, traffic)) return;
  const out = writer.bytes;
  let at = put(out, writer.length, timePart);
  at = putTime(out, at, traffic.clock, nowMs);
  at = put(out, at, idPart);
  if (requestId !== null) at = put(out, at, ascii(requestId));
  else {
    if (exchange.requestNumber === 0) exchange.requestNumber = ++edge.requests;
    at = put(out, at, traffic.idWords);
    // As the app reads it in X-Request-Id.
    for (let left = exchange.requestNumber; left > 0; left = Math.floor(left / 16))
      out[at++] = hexDigits[left % 16]!;
  }
  at = put(out, at, addressPart);
  at = put(out, at, addressWords(traffic, exchange.address, full));
  at = put(out, at, commaPart);
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
  if (replica !== null) at = put(out, at, replicaWords(traffic, replica));
  const version = visitor.out.socket.http2 === true ? 2 : exchange.minor;
  at = put(out, at, protocolParts[exchange.secure ? 1 : 0]![version]!);
  at = put(out, at, hostWords(hosts, exchange.host));
  if (detail !== "") at = put(out, at, ascii(detail));
  if (aborted) at = put(out, at, abortedPart);
  writer.length = put(out, at, endPart);
  writer.lines++;
};

/** The same visitor comes again and again: only the last address is remembered. */
const addressWords = (traffic: Traffic, address: string, full: boolean): Uint8Array => {
  const { lastAddress } = traffic;
  if (lastAddress.address !== address || lastAddress.full !== full) {
    lastAddress.address = address;
    lastAddress.full = full;
    lastAddress.words = ascii(full ? address.replace(/[^0-9A-Fa-f:.]/g, "") : networkOf(address));
  }
  return lastAddress.words;
};

const replicaWords = ({ replicas }: Traffic, { upstream: { replicaId } }: Replica): Uint8Array => {
  const known = replicas.get(replicaId);
  if (known !== undefined) return known;
  // They come and go with each deploy.
  if (replicas.size > 1000) replicas.clear();
  const words = ascii(`,"replica":${jsonText(replicaId)}`);
  replicas.set(replicaId, words);
  return words;
};

/** The hosts of a route are few and told by the daemon. */
const hostWords = (hosts: Map<string, Uint8Array>, host: string): Uint8Array => {
  const known = hosts.get(host);
  if (known !== undefined) return known;
  const words = ascii(`,"host":${jsonText(host)}`);
  hosts.set(host, words);
  return words;
};
