import { ascii, COLON, COMMA, CR, foldedBytes, LF, SP, TAB, tokenBytes, valueBytes } from "./byte-classes.ts";
import { Field, fieldOf } from "./field-names.ts";
import { copyRange, type HeadWriter } from "./head-writer.ts";

/** What the fields of one head say about connection and framing. Reused from head to head. */
export interface Fields {
  hostStart: number;
  hostEnd: number;
  /** -1 when absent. */
  contentLength: number;
  chunked: boolean;
  close: boolean;
  keepAlive: boolean;
  /** `Connection: upgrade` was given. */
  upgradeNamed: boolean;
  upgradeStart: number;
  upgradeEnd: number;
  expectContinue: boolean;
  /** `Keep-Alive: timeout=N`, -1 when absent. */
  keepAliveSeconds: number;
  /** `Referer` and `User-Agent`; -1 when absent. */
  refererStart: number;
  refererEnd: number;
  agentStart: number;
  agentEnd: number;
  /** There is a `Date`. */
  dated: boolean;
  /** Lower-case names of further fields that `Connection` declares hop-by-hop. */
  named: string[] | null;
}

export const createFields = (): Fields => resetFields({} as Fields);

const resetFields = (fields: Fields): Fields => {
  fields.hostStart = -1;
  fields.hostEnd = -1;
  fields.contentLength = -1;
  fields.chunked = false;
  fields.close = false;
  fields.keepAlive = false;
  fields.upgradeNamed = false;
  fields.upgradeStart = -1;
  fields.upgradeEnd = -1;
  fields.expectContinue = false;
  fields.keepAliveSeconds = -1;
  fields.dated = false;
  fields.refererStart = -1;
  fields.refererEnd = -1;
  fields.agentStart = -1;
  fields.agentEnd = -1;
  fields.named = null;
  return fields;
};

export const maxHeadBytes = 32 * 1024;
export const maxFields = 128;

/** Table over field ids, 1 = not passed on. */
export const dropping = (...ids: number[]): Uint8Array => {
  const table = new Uint8Array(16);
  for (const id of ids) table[id] = 1;
  return table;
};

/**
 * Reads the field section that starts at `at`, checks every byte, and copies what may be passed on to `out`.
 * Deliberately stricter than RFC 9112 where two readings are in use: no bare LF, no folding, no space before
 * the colon, one Host, one Content-Length, `chunked` alone as transfer coding.
 * @returns the position after the empty line; 0 when the section is not complete yet; a negative HTTP status
 *   (-400, -417, -431) when it is refused
 */
export const scanFields = (
  input: Uint8Array,
  start: number,
  end: number,
  out: HeadWriter,
  fields: Fields,
  dropped: Uint8Array,
): number => {
  resetFields(fields);
  let at = start;
  let runStart = start;
  for (let count = 0; ; count++) {
    if (at >= end) return 0;
    if (at - start > maxHeadBytes) return -431;
    const lineStart = at;
    if (input[at] === CR) {
      if (at + 1 >= end) return 0;
      if (input[at + 1] !== LF) return -400;
      copyRange(out, input, runStart, at);
      return at + 2;
    }
    if (count >= maxFields) return -431;
    while (at < end && tokenBytes[input[at]!] === 1) at++;
    if (at >= end) return 0;
    const nameEnd = at;
    if (input[at] !== COLON || nameEnd === lineStart) return -400;
    at++;
    while (at < end && valueBytes[input[at]!] === 1) at++;
    if (at >= end) return 0;
    if (input[at] !== CR) return -400;
    if (at + 1 >= end) return 0;
    if (input[at + 1] !== LF) return -400;
    let from = nameEnd + 1;
    let to = at;
    at += 2;
    while (from < to && isBlank(input[from]!)) from++;
    while (to > from && isBlank(input[to - 1]!)) to--;

    const id = fieldOf(input, lineStart, nameEnd - lineStart);
    if (id !== Field.other) {
      // A name that only looks like a known one to servers that fold `_`: dropped, and without a meaning here.
      const disguised = hasUnderscore(input, lineStart, nameEnd);
      if (!disguised) {
        const refused = read(id, input, from, to, fields);
        if (refused !== 0) return refused;
      }
      if (disguised || dropped[id] === 1) {
        copyRange(out, input, runStart, lineStart);
        runStart = at;
        continue;
      }
    } else noteDetail(input, lineStart, nameEnd, from, to, fields);
    if (to !== at - 2 || from - nameEnd > 2 || input[nameEnd + 1] === TAB) {
      // Unusual blanks around the value are not passed on.
      copyRange(out, input, runStart, nameEnd + 1);
      out.bytes[out.length++] = SP;
      copyRange(out, input, from, to);
      runStart = at - 2;
    }
  }
};

const refererName = ascii("referer");
const agentName = ascii("user-agent");

/** Fields that are passed on like every other, but that a site's log may tell. */
const noteDetail = (
  input: Uint8Array,
  nameStart: number,
  nameEnd: number,
  from: number,
  to: number,
  fields: Fields,
): void => {
  const length = nameEnd - nameStart;
  if (length === 7 && equalsFolded(input, nameStart, nameEnd, refererName)) {
    fields.refererStart = from;
    fields.refererEnd = to;
  } else if (length === 10 && equalsFolded(input, nameStart, nameEnd, agentName)) {
    fields.agentStart = from;
    fields.agentEnd = to;
  }
};

const isBlank = (byte: number): boolean => byte === SP || byte === TAB;

const hasUnderscore = (input: Uint8Array, from: number, to: number): boolean => {
  for (let i = from; i < to; i++) if (input[i] === 0x5f) return true;
  return false;
};

const chunkedName = ascii("chunked");
const continueName = ascii("100-continue");
const keepAliveName = ascii("keep-alive");
const closeName = ascii("close");
const upgradeName = ascii("upgrade");

/** Case-insensitive comparison; `name` is lower case. */
export const equalsFolded = (input: Uint8Array, from: number, to: number, name: Uint8Array): boolean => {
  if (to - from !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    const byte = input[from + i]!;
    if (byte === 0x5f || foldedBytes[byte] !== name[i]) return false;
  }
  return true;
};

const read = (id: number, input: Uint8Array, from: number, to: number, fields: Fields): number => {
  switch (id) {
    case Field.host:
      if (fields.hostStart >= 0) return -400;
      fields.hostStart = from;
      fields.hostEnd = to;
      return 0;
    case Field.contentLength:
      if (fields.contentLength >= 0) return -400;
      fields.contentLength = decimal(input, from, to);
      return fields.contentLength < 0 ? -400 : 0;
    case Field.transferEncoding:
      if (fields.chunked || !equalsFolded(input, from, to, chunkedName)) return -400;
      fields.chunked = true;
      return 0;
    case Field.connection:
      if (equalsFolded(input, from, to, keepAliveName)) fields.keepAlive = true;
      else readConnection(input, from, to, fields);
      return 0;
    case Field.upgrade:
      // Several Upgrade fields: none is followed.
      fields.upgradeEnd = fields.upgradeStart < 0 ? to : from;
      fields.upgradeStart = from;
      return 0;
    case Field.expect:
      if (!equalsFolded(input, from, to, continueName)) return -417;
      fields.expectContinue = true;
      return 0;
    case Field.date:
      fields.dated = true;
      return 0;
    case Field.keepAlive:
      readKeepAlive(input, from, to, fields);
      return 0;
    default:
      return 0;
  }
};

/** @returns -1 for anything but 1 to 15 digits */
export const decimal = (input: Uint8Array, from: number, to: number): number => {
  if (to <= from || to - from > 15) return -1;
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = input[i]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
};

const readConnection = (input: Uint8Array, from: number, to: number, fields: Fields): void => {
  let at = from;
  while (at < to) {
    while (at < to && (isBlank(input[at]!) || input[at] === COMMA)) at++;
    let tokenEnd = at;
    while (tokenEnd < to && input[tokenEnd] !== COMMA) tokenEnd++;
    let trimmed = tokenEnd;
    while (trimmed > at && isBlank(input[trimmed - 1]!)) trimmed--;
    if (trimmed > at) {
      if (equalsFolded(input, at, trimmed, closeName)) fields.close = true;
      else if (equalsFolded(input, at, trimmed, keepAliveName)) fields.keepAlive = true;
      else if (equalsFolded(input, at, trimmed, upgradeName)) fields.upgradeNamed = true;
      else (fields.named ??= []).push(textOf(input, at, trimmed).toLowerCase());
    }
    at = tokenEnd;
  }
};

const timeoutName = ascii("timeout=");

const readKeepAlive = (input: Uint8Array, from: number, to: number, fields: Fields): void => {
  for (let at = from; at + timeoutName.length < to; at++) {
    if (!equalsFolded(input, at, at + timeoutName.length, timeoutName)) continue;
    let digitsEnd = at + timeoutName.length;
    while (digitsEnd < to && input[digitsEnd]! >= 0x30 && input[digitsEnd]! <= 0x39) digitsEnd++;
    fields.keepAliveSeconds = decimal(input, at + timeoutName.length, digitsEnd);
    return;
  }
};

const toText = Buffer.prototype.toString;

/** Without a view: asking a received buffer for its memory costs more than all else here. */
export const textOf = (input: Uint8Array, from: number, to: number): string =>
  toText.call(input, "latin1", from, to);

/** The wanted fields (lower-case names) among the finished lines of a head, by text; several are joined by comma. */
export const fieldTexts = (head: HeadWriter, wanted: ReadonlySet<string>): Map<string, string> => {
  const found = new Map<string, string>();
  for (const line of textOf(head.bytes, 0, head.length).split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    if (colon < 0 || !wanted.has(name)) continue;
    const before = found.get(name);
    const value = line.slice(colon + 1).trim();
    found.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return found;
};
