/**
 * Byte tables for the head parser: one load and one test per byte. All tables have 256 entries, 1 = allowed.
 * Source: RFC 9110 section 5.6.2 (token) and 5.5 (field-value), RFC 9112 section 3.
 */
const tableOf = (allowed: (byte: number) => boolean): Uint8Array => {
  const table = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) table[byte] = allowed(byte) ? 1 : 0;
  return table;
};

const isAlphaNumeric = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);

/** tchar: letters, digits and !#$%&'*+-.^_`|~ */
export const tokenBytes = tableOf(
  (byte) => isAlphaNumeric(byte) || (byte < 0x80 && "!#$%&'*+-.^_`|~".includes(String.fromCharCode(byte))),
);

/** VCHAR, obs-text, space and tab; no control byte, so neither CR, LF nor NUL. */
export const valueBytes = tableOf((byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f));

/**
 * What a request target may hold: printable ASCII without space and without `#` (a fragment is never sent).
 * Wider than RFC 3986 by the characters that browsers leave raw in a query (`|`, `{`, `"` …).
 */
export const targetBytes = tableOf((byte) => byte > 0x20 && byte < 0x7f && byte !== 0x23);

/** Letters, digits, `-`, `.` and `_`: reg-name as it occurs in practice, without percent-encoding. */
export const hostBytes = tableOf(
  (byte) => isAlphaNumeric(byte) || byte === 0x2d || byte === 0x2e || byte === 0x5f,
);

/** Inside the brackets of an IP literal: hex digits, `:` and `.` */
export const ipLiteralBytes = tableOf(
  (byte) =>
    (byte >= 0x30 && byte <= 0x3a) ||
    byte === 0x2e ||
    (byte >= 0x41 && byte <= 0x46) ||
    (byte >= 0x61 && byte <= 0x66),
);

/** Upper case to lower case, and `_` to `-`: servers behind CGI-like interfaces cannot tell those two apart. */
export const foldedBytes = ((): Uint8Array => {
  const table = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++)
    table[byte] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte === 0x5f ? 0x2d : byte;
  return table;
})();

/** Value of a hexadecimal digit, 255 for any other byte. */
export const hexValues = ((): Uint8Array => {
  const table = new Uint8Array(256).fill(255);
  for (let value = 0; value < 16; value++) {
    const digit = value.toString(16);
    table[digit.charCodeAt(0)] = value;
    table[digit.toUpperCase().charCodeAt(0)] = value;
  }
  return table;
})();

export const CR = 0x0d;
export const LF = 0x0a;
export const SP = 0x20;
export const TAB = 0x09;
export const COLON = 0x3a;
export const COMMA = 0x2c;

/** Bytes of an ASCII text. */
export const ascii = (text: string): Uint8Array => Buffer.from(text, "latin1");
