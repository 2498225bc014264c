import { COLON, LF } from "./byte-classes.ts";
import { textOf } from "./fields.ts";
import type { HeadWriter } from "./head-writer.ts";

/** Fields that `Connection` cannot take away: framing, routing, and what servers decide access by. */
const kept = new Set([
  "host",
  "content-length",
  "content-type",
  "authorization",
  "cookie",
  "set-cookie",
  "date",
]);

/**
 * Removes the fields that a `Connection` field names (RFC 9110 section 7.6.1) from the finished lines
 * `out[from, out.length)`. Rare, so by text.
 */
export const removeNamed = (out: HeadWriter, from: number, named: readonly string[]): void => {
  const gone = new Set(named.filter((name) => !kept.has(name)));
  if (gone.size === 0) return;
  const { bytes } = out;
  let to = from;
  let lineStart = from;
  while (lineStart < out.length) {
    const lineEnd = bytes.indexOf(LF, lineStart) + 1;
    const name = textOf(bytes, lineStart, bytes.indexOf(COLON, lineStart)).toLowerCase();
    if (!gone.has(name)) {
      bytes.copyWithin(to, lineStart, lineEnd);
      to += lineEnd - lineStart;
    }
    lineStart = lineEnd;
  }
  out.length = to;
};
