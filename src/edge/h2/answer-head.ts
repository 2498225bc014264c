import { COLON, CR, SP } from "../byte-classes.ts";
import { decimal, textOf } from "../fields.ts";
import { copyRange, type HeadWriter } from "../head-writer.ts";
import { staticNames } from "./static-table.ts";

/** What an answer's head says about what follows. Reused. */
export interface AnswerHead {
  status: number;
  /** -1 when absent. */
  contentLength: number;
  chunked: boolean;
}

interface Name {
  readonly bytes: Uint8Array;
  readonly index: number;
  readonly hop: boolean;
}

const hopNames = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/** Known names by length. */
const byLength: (Name[] | undefined)[] = [];
for (const name of new Set([...staticNames.keys(), ...hopNames]))
  if (!name.startsWith(":"))
    (byLength[name.length] ??= []).push({
      bytes: Buffer.from(name),
      index: staticNames.get(name) ?? 0,
      hop: hopNames.includes(name),
    });

const nameOf = (input: Uint8Array, from: number, to: number): Name | null => {
  const candidates = byLength[to - from];
  if (candidates === undefined) return null;
  next: for (let i = 0; i < candidates.length; i++) {
    const { bytes } = candidates[i]!;
    for (let k = 0; k < bytes.length; k++) if (lower(input[from + k]!) !== bytes[k]) continue next;
    return candidates[i]!;
  }
  return null;
};

const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte);

const statusIndex = new Map([
  [200, 8],
  [204, 9],
  [206, 10],
  [304, 11],
  [400, 12],
  [404, 13],
  [500, 14],
]);
const contentLengthName = 28;
const setCookieName = 55;

/**
 * Turns the head of an answer, as the edge writes it for HTTP/1.1, into a header block (RFC 7541) without use of
 * a dynamic table. `out` needs room for 9/8 of the head.
 * @returns the position after the head, -1 when it is not whole
 */
export const encodeAnswer = (
  input: Uint8Array,
  from: number,
  to: number,
  out: HeadWriter,
  head: AnswerHead,
): number => {
  head.contentLength = -1;
  head.chunked = false;
  head.status = decimal(input, from + 9, from + 12);
  const known = statusIndex.get(head.status);
  if (known !== undefined) out.bytes[out.length++] = 0x80 | known;
  else {
    out.bytes[out.length++] = 8;
    out.bytes[out.length++] = 3;
    copyRange(out, input, from + 9, from + 12);
  }
  let at = endOfLine(input, from + 12, to);
  while (at >= 0 && at + 1 < to) {
    if (input[at] === CR) return at + 2;
    const next = endOfLine(input, at, to);
    if (next < 0) return -1;
    encodeLine(input, at, next - 2, out, head);
    at = next;
  }
  return -1;
};

/** @returns the position after the line's CRLF, -1 when there is none */
const endOfLine = (input: Uint8Array, from: number, to: number): number => {
  for (let at = from; at + 1 < to; at++) if (input[at] === CR) return at + 2;
  return -1;
};

const encodeLine = (input: Uint8Array, from: number, to: number, out: HeadWriter, head: AnswerHead): void => {
  let nameEnd = from;
  while (nameEnd < to && input[nameEnd] !== COLON) nameEnd++;
  let valueFrom = nameEnd + 1;
  let valueTo = to;
  while (valueFrom < valueTo && isBlank(input[valueFrom]!)) valueFrom++;
  while (valueTo > valueFrom && isBlank(input[valueTo - 1]!)) valueTo--;
  const name = nameOf(input, from, nameEnd);
  if (name !== null && name.hop) {
    // Of these only `Transfer-Encoding: chunked` tells something, the edge's own framing.
    if (textOf(name.bytes, 0, name.bytes.length) === "transfer-encoding") head.chunked = true;
    return;
  }
  const index = name === null ? 0 : name.index;
  if (index === contentLengthName) head.contentLength = decimal(input, valueFrom, valueTo);
  // Cookies are marked as never to be put into a table by anyone on the way (RFC 7541 section 7.1.3).
  putInteger(out, index === setCookieName ? 0x10 : 0, 4, index);
  if (index === 0) {
    putInteger(out, 0, 7, nameEnd - from);
    const { bytes } = out;
    for (let i = from; i < nameEnd; i++) bytes[out.length++] = lower(input[i]!);
  }
  putInteger(out, 0, 7, valueTo - valueFrom);
  copyRange(out, input, valueFrom, valueTo);
};

const isBlank = (byte: number): boolean => byte === SP || byte === 0x09;

/** Trailer lines as a block. */
export const encodeTrailers = (lines: Uint8Array, out: HeadWriter): void => {
  const ignored: AnswerHead = { status: 0, contentLength: -1, chunked: false };
  let at = 0;
  while (at < lines.length) {
    const next = endOfLine(lines, at, lines.length);
    if (next < 0) return;
    encodeLine(lines, at, next - 2, out, ignored);
    at = next;
  }
};

const putInteger = (out: HeadWriter, flags: number, prefix: number, value: number): void => {
  const { bytes } = out;
  const most = (1 << prefix) - 1;
  if (value < most) {
    bytes[out.length++] = flags | value;
    return;
  }
  bytes[out.length++] = flags | most;
  let rest = value - most;
  for (; rest >= 0x80; rest >>>= 7) bytes[out.length++] = 0x80 | (rest & 0x7f);
  bytes[out.length++] = rest;
};
