import { ascii, targetBytes, tokenBytes } from "../byte-classes.ts";
import { decimal } from "../fields.ts";
import { append, copyRange, type HeadWriter } from "../head-writer.ts";
import { type HeaderField, Kind, valueEnd, valueStart, valueText } from "./header-field.ts";
import type { HeaderList } from "./hpack-decoder.ts";

/** What a request's fields say beside their text. Reused. */
export interface RequestText {
  isHead: boolean;
  /** -1 when absent. */
  contentLength: number;
}

export const createRequestText = (): RequestText => ({ isHead: false, contentLength: -1 });

const space = ascii(" ");
const version = ascii(" HTTP/1.1\r\nHost: ");
const crlf = ascii("\r\n");
/** The stream ends with its answer. */
const closeLine = ascii("Connection: close\r\n");
const chunkedLine = ascii("Transfer-Encoding: chunked\r\n");
const cookieStart = ascii("cookie: ");
const crumbBorder = ascii("; ");

/**
 * Writes the head as one of HTTP/1.1, which then goes the way of every other: one parser decides what a request
 * means. Checked here is what HTTP/1.1 could not say or would understand differently (RFC 9113 section 8.2, 8.3).
 * @param body the request has content
 * @returns false when it is malformed
 */
export const writeRequest = (
  list: HeaderList,
  body: boolean,
  out: HeadWriter,
  request: RequestText,
): boolean => {
  const { fields } = list;
  out.length = 0;
  request.contentLength = -1;
  let method: HeaderField | null = null;
  let scheme: HeaderField | null = null;
  let authority: HeaderField | null = null;
  let path: HeaderField | null = null;
  let at = 0;
  pseudo: for (; at < fields.length; at++) {
    const field = fields[at]!;
    switch (field.kind) {
      case Kind.method:
        if (method !== null) return false;
        method = field;
        break;
      case Kind.scheme:
        if (scheme !== null) return false;
        scheme = field;
        break;
      case Kind.authority:
        if (authority !== null) return false;
        authority = field;
        break;
      case Kind.path:
        if (path !== null) return false;
        path = field;
        break;
      default:
        break pseudo;
    }
  }
  if (method === null || !isToken(method)) return false;
  const connect = equals(method, "CONNECT");
  if (connect ? scheme !== null || path !== null : path === null || scheme === null) return false;
  // The connection is one over TLS.
  if (scheme !== null && !equals(scheme, "https")) return false;
  if (path !== null && !isTarget(path, method)) return false;

  let host = authority;
  let cookies = 0;
  for (let i = at; i < fields.length; i++) {
    const field = fields[i]!;
    switch (field.kind) {
      case Kind.regular:
        break;
      case Kind.host:
        if (host === null) host = field;
        else if (valueText(host).toLowerCase() !== valueText(field).toLowerCase()) return false;
        break;
      case Kind.cookie:
        cookies++;
        break;
      case Kind.contentLength: {
        const length = decimal(field.line, valueStart(field), valueEnd(field));
        if (request.contentLength >= 0 || (!body && length > 0)) return false;
        request.contentLength = length;
        break;
      }
      default:
        // Malformed, or a pseudo field behind a regular one.
        return false;
    }
  }
  if (host === null || (connect && authority === null)) return false;
  request.isHead = equals(method, "HEAD");

  appendValue(out, method);
  append(out, space);
  appendValue(out, connect ? host : path!);
  append(out, version);
  appendValue(out, host);
  append(out, crlf);
  for (let i = at; i < fields.length; i++) {
    const { kind, line } = fields[i]!;
    if (kind === Kind.regular || kind === Kind.contentLength) append(out, line);
  }
  if (cookies > 0) appendCookies(out, fields, at);
  append(out, closeLine);
  if (body && request.contentLength < 0) append(out, chunkedLine);
  append(out, crlf);
  return true;
};

/** Crumbs become one field again (RFC 9113 section 8.2.3). */
const appendCookies = (out: HeadWriter, fields: readonly HeaderField[], from: number): void => {
  let border = cookieStart;
  for (let i = from; i < fields.length; i++) {
    const field = fields[i]!;
    if (field.kind !== Kind.cookie) continue;
    append(out, border);
    appendValue(out, field);
    border = crumbBorder;
  }
  append(out, crlf);
};

/**
 * Writes trailer fields as lines. @returns false when the section is malformed
 */
export const writeTrailers = (list: HeaderList, out: HeadWriter): boolean => {
  out.length = 0;
  for (const { kind, line } of list.fields) {
    if (kind === Kind.malformed || (kind >= Kind.method && kind <= Kind.path)) return false;
    append(out, line);
  }
  return true;
};

const appendValue = (out: HeadWriter, field: HeaderField): void =>
  copyRange(out, field.line, valueStart(field), valueEnd(field));

const equals = (field: HeaderField, text: string): boolean => {
  const from = valueStart(field);
  if (valueEnd(field) - from !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (field.line[from + i] !== text.charCodeAt(i)) return false;
  return true;
};

const isToken = (field: HeaderField): boolean => {
  const end = valueEnd(field);
  for (let i = valueStart(field); i < end; i++) if (tokenBytes[field.line[i]!] !== 1) return false;
  return end > valueStart(field);
};

/** Origin form, or `*` with OPTIONS; no byte that could end the request line. */
const isTarget = (path: HeaderField, method: HeaderField): boolean => {
  const from = valueStart(path);
  const end = valueEnd(path);
  if (path.line[from] !== 0x2f && !(equals(path, "*") && equals(method, "OPTIONS"))) return false;
  for (let i = from; i < end; i++) if (targetBytes[path.line[i]!] !== 1) return false;
  return true;
};
