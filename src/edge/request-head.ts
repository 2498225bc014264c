import { ascii, CR, foldedBytes, LF, SP, targetBytes, tokenBytes } from "./byte-classes.ts";
import { hostEndOf } from "./authority.ts";
import { removeNamed } from "./connection-options.ts";
import { Field } from "./field-names.ts";
import { createFields, dropping, equalsFolded, type Fields, scanFields } from "./fields.ts";
import { append, copyRange, type HeadWriter } from "./head-writer.ts";

/** What the edge knows of a request once its head is read. Positions are in the input. Reused. */
export interface RequestHead {
  readonly fields: Fields;
  /** Upper-case method of the well-known ones, otherwise "OTHER". */
  method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "OTHER";
  /** Minor version of HTTP/1. */
  minor: 0 | 1;
  /** The target in origin form (or `*`). */
  targetStart: number;
  targetEnd: number;
  hostEnd: number;
  keepAlive: boolean;
  /** Asks for a WebSocket (the only protocol that is passed through). */
  webSocket: boolean;
}

export const createRequestHead = (): RequestHead => ({
  fields: createFields(),
  method: "GET",
  minor: 1,
  targetStart: 0,
  targetEnd: 0,
  hostEnd: 0,
  keepAlive: true,
  webSocket: false,
});

const maxTargetBytes = 16 * 1024;
const maxMethodBytes = 24;

const droppedFields = dropping(
  Field.transferEncoding,
  Field.connection,
  Field.upgrade,
  Field.expect,
  Field.keepAlive,
  Field.hopByHop,
  Field.provenance,
);

const versionStart = ascii("HTTP/1.");
const versionLine = ascii(" HTTP/1.1\r\n");
const httpScheme = ascii("http://");
const httpsScheme = ascii("https://");
const webSocketName = ascii("websocket");

/**
 * Reads one request head (RFC 9112) and writes request line and end-to-end fields to `out`, as far as the
 * visitor's own go: the final empty line and the edge's fields are the caller's to add.
 * @returns the position after the head; 0 when it is not complete yet; a negative HTTP status (-400, -405,
 *   -414, -417, -431, -505) when it is refused
 */
export const parseRequestHead = (
  input: Uint8Array,
  start: number,
  end: number,
  out: HeadWriter,
  head: RequestHead,
): number => {
  out.length = 0;
  let at = start;
  // One empty line before a request is tolerated (RFC 9112 section 2.2).
  if (at + 1 < end && input[at] === CR && input[at + 1] === LF) at += 2;
  else if (at + 1 === end && input[at] === CR) return 0;

  const methodStart = at;
  while (at < end && tokenBytes[input[at]!] === 1) at++;
  if (at - methodStart > maxMethodBytes) return -400;
  if (at >= end) return 0;
  const methodEnd = at;
  if (input[at] !== SP || at === methodStart) return -400;
  head.method = methodOf(input, methodStart, methodEnd);
  at++;

  const targetStart = at;
  while (at < end && targetBytes[input[at]!] === 1) at++;
  if (at - targetStart > maxTargetBytes) return -414;
  if (at >= end) return 0;
  if (input[at] !== SP || at === targetStart) return -400;
  const targetEnd = at;
  at++;

  for (let i = 0; i < versionStart.length; i++, at++) {
    if (at >= end) return 0;
    if (input[at] !== versionStart[i]) return i === 5 && isDigit(input[at]!) ? -505 : -400;
  }
  if (at >= end) return 0;
  const minor = input[at]! - 0x30;
  if (minor !== 1 && minor !== 0) return isDigit(input[at]!) ? -505 : -400;
  head.minor = minor;
  at++;
  if (at >= end) return 0;
  if (input[at] !== CR) return -400;
  if (at + 1 >= end) return 0;
  if (input[at + 1] !== LF) return -400;
  at += 2;

  const authorityEnd = locateTarget(input, methodStart, methodEnd, targetStart, targetEnd, head);
  if (authorityEnd < 0) return authorityEnd;
  copyRange(out, input, methodStart, methodEnd + 1);
  if (head.targetStart === head.targetEnd) out.bytes[out.length++] = 0x2f;
  else {
    if (input[head.targetStart] === 0x3f) out.bytes[out.length++] = 0x2f;
    copyRange(out, input, head.targetStart, head.targetEnd);
  }
  append(out, versionLine);

  const fieldsAt = out.length;
  const { fields } = head;
  const after = scanFields(input, at, end, out, fields, droppedFields);
  if (after <= 0) return after;

  if (fields.hostStart < 0) return -400;
  head.hostEnd = hostEndOf(input, fields.hostStart, fields.hostEnd);
  if (head.hostEnd < 0) return -400;
  if (authorityEnd > 0 && !sameAuthority(input, authorityEnd, head)) return -400;
  if (fields.chunked && (fields.contentLength >= 0 || minor === 0)) return -400;

  head.keepAlive = !fields.close && (minor === 1 || fields.keepAlive);
  head.webSocket =
    fields.upgradeNamed &&
    fields.upgradeStart >= 0 &&
    minor === 1 &&
    head.method === "GET" &&
    !fields.chunked &&
    fields.contentLength <= 0 &&
    equalsFolded(input, fields.upgradeStart, fields.upgradeEnd, webSocketName);
  if (fields.named !== null) removeNamed(out, fieldsAt, fields.named);
  return after;
};

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

const methods = (["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] as const).map((name) => ({
  name,
  bytes: ascii(name),
}));

/** Methods are case-sensitive (RFC 9110 section 9.1). */
const methodOf = (input: Uint8Array, from: number, to: number): RequestHead["method"] => {
  for (let m = 0; m < methods.length; m++)
    if (matches(input, from, to, methods[m]!.bytes)) return methods[m]!.name;
  return "OTHER";
};

const matches = (input: Uint8Array, from: number, to: number, bytes: Uint8Array): boolean => {
  if (to - from !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (input[from + i] !== bytes[i]) return false;
  return true;
};

const connectName = ascii("CONNECT");
const traceName = ascii("TRACE");

/**
 * Sets the target's origin form. CONNECT (a tunnel of the visitor's choice) and TRACE (echoes credentials) are
 * not served.
 * @returns 0 for origin form, the end of the authority for absolute form, or a negative status
 */
const locateTarget = (
  input: Uint8Array,
  methodStart: number,
  methodEnd: number,
  from: number,
  to: number,
  head: RequestHead,
): number => {
  if (head.method === "OTHER")
    if (
      matches(input, methodStart, methodEnd, connectName) ||
      matches(input, methodStart, methodEnd, traceName)
    )
      return -405;
  head.targetStart = from;
  head.targetEnd = to;
  if (input[from] === 0x2f) return 0;
  if (input[from] === 0x2a) return to - from === 1 && head.method === "OPTIONS" ? 0 : -400;
  for (const scheme of [httpScheme, httpsScheme]) {
    const authority = from + scheme.length;
    if (authority >= to || !equalsFolded(input, from, authority, scheme)) continue;
    let at = authority;
    while (at < to && input[at] !== 0x2f && input[at] !== 0x3f) at++;
    if (hostEndOf(input, authority, at) < 0) return -400;
    head.targetStart = at;
    return at;
  }
  return -400;
};

/** Absolute form: its authority must be the Host field's, so that no two servers can choose differently. */
const sameAuthority = (input: Uint8Array, authorityEnd: number, head: RequestHead): boolean => {
  const { hostStart, hostEnd } = head.fields;
  const length = hostEnd - hostStart;
  const from = authorityEnd - length;
  // The byte before must be the scheme's slash, otherwise only a suffix is equal.
  if (from < 1 || input[from - 1] !== 0x2f) return false;
  for (let i = 0; i < length; i++)
    if (foldedBytes[input[from + i]!] !== foldedBytes[input[hostStart + i]!]) return false;
  return true;
};
