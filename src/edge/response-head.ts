import { ascii, CR, LF, SP, valueBytes } from "./byte-classes.ts";
import { removeNamed } from "./connection-options.ts";
import { Field } from "./field-names.ts";
import { createFields, dropping, type Fields, scanFields } from "./fields.ts";
import { append, appendText, copyRange, type HeadWriter } from "./head-writer.ts";

/** What the edge knows of an answer once its head is read. Reused from answer to answer. */
export interface ResponseHead {
  readonly fields: Fields;
  status: number;
  /** The upstream keeps the connection open afterwards. */
  keepAlive: boolean;
}

export const createResponseHead = (): ResponseHead => ({
  fields: createFields(),
  status: 0,
  keepAlive: true,
});

const hop = [
  Field.transferEncoding,
  Field.connection,
  Field.upgrade,
  Field.keepAlive,
  Field.hopByHop,
] as const;
const droppedFields = dropping(...hop);
/** A 204 or 1xx with a length would make some readers wait for a body (RFC 9110 section 8.6). */
const droppedWithoutContent = dropping(...hop, Field.contentLength);
const droppedSecured = dropping(...hop, Field.transportSecurity);
const droppedSecuredWithoutContent = dropping(...hop, Field.transportSecurity, Field.contentLength);

const droppedOf = (empty: boolean, secured: boolean): Uint8Array =>
  secured
    ? empty
      ? droppedSecuredWithoutContent
      : droppedSecured
    : empty
      ? droppedWithoutContent
      : droppedFields;

const versionStart = ascii("HTTP/1.");
const versionOut = ascii("HTTP/1.1 ");
const space = ascii(" ");
const lineEnd = ascii("\r\n");

/**
 * Reads one answer's head and writes status line and end-to-end fields to `out`, without the final empty line.
 * @param secured the caller adds `Strict-Transport-Security` of its own, of which there may be only one
 * @returns the position after the head; 0 when it is not complete yet; a negative number when it is not HTTP/1
 *   or its framing is ambiguous
 */
export const parseResponseHead = (
  input: Uint8Array,
  start: number,
  end: number,
  out: HeadWriter,
  head: ResponseHead,
  secured = false,
): number => {
  out.length = 0;
  let at = start;
  for (let i = 0; i < versionStart.length; i++, at++) {
    if (at >= end) return 0;
    if (input[at] !== versionStart[i]) return -502;
  }
  if (end - at < 5) return 0;
  const minor = input[at]! - 0x30;
  if ((minor !== 0 && minor !== 1) || input[at + 1] !== SP) return -502;
  const statusAt = at + 2;
  const status =
    (input[statusAt]! - 0x30) * 100 + (input[statusAt + 1]! - 0x30) * 10 + (input[statusAt + 2]! - 0x30);
  for (let i = 0; i < 3; i++) if (input[statusAt + i]! < 0x30 || input[statusAt + i]! > 0x39) return -502;
  if (status < 100 || status > 599) return -502;
  head.status = status;
  at = statusAt + 3;
  const reasonAt = at;
  while (at < end && valueBytes[input[at]!] === 1) at++;
  if (at + 1 >= end) return 0;
  if (input[at] !== CR || input[at + 1] !== LF) return -502;
  if (at > reasonAt && input[reasonAt] !== SP) return -502;

  append(out, versionOut);
  copyRange(out, input, statusAt, reasonAt);
  // The space is required even when the reason is empty (RFC 9112 section 4).
  if (at === reasonAt) append(out, space);
  else copyRange(out, input, reasonAt, at);
  append(out, lineEnd);

  const fieldsAt = out.length;
  const { fields } = head;
  const empty = status < 200 || status === 204;
  const after = scanFields(input, at + 2, end, out, fields, droppedOf(empty, secured));
  if (after <= 0) return after;
  if (fields.chunked && fields.contentLength >= 0) return -502;
  head.keepAlive = !fields.close && (minor === 1 || fields.keepAlive);
  if (fields.named !== null) removeNamed(out, fieldsAt, fields.named);
  if (status === 426 && fields.upgradeStart >= 0) {
    // An upgrade's refusal says what it wants (RFC 9110 section 15.5.22).
    appendText(out, "Connection: Upgrade\r\nUpgrade: ");
    copyRange(out, input, fields.upgradeStart, fields.upgradeEnd);
    append(out, lineEnd);
  }
  return after;
};
