import { COLON, CR, hexValues, LF, SP, TAB, tokenBytes, valueBytes } from "./byte-classes.ts";
import { Field, fieldOf } from "./field-names.ts";

/**
 * Decoder of the chunked transfer coding (RFC 9112 section 7.1), resumable at any byte. Decoded data is framed
 * anew by whoever passes it on, so chunk extensions and the sender's chunk borders end here. Strict: no bare
 * LF, no blanks around the size, no line above `maxLineBytes`.
 */
export interface ChunkedBody {
  state: State;
  /** Data bytes left in the chunk, or the size while it is being read. */
  remaining: number;
  digits: number;
  /** Bytes of the extension, or of all trailer fields, so far. */
  lineBytes: number;
  /** Trailer fields that may be passed on, as finished lines. */
  trailers: number[];
  /** Start of the present line in `trailers`. */
  trailerLine: number;
  done: boolean;
}

type State =
  "size" | "extension" | "size-lf" | "data" | "data-cr" | "data-lf" | "trailer" | "trailer-lf" | "last-lf";

const maxLineBytes = 256;
const maxTrailerBytes = 8 * 1024;

export const createChunkedBody = (): ChunkedBody => ({
  state: "size",
  remaining: 0,
  digits: 0,
  lineBytes: 0,
  trailers: [],
  trailerLine: 0,
  done: false,
});

/** Where decoded bytes go; `bytes` needs room for the input's length. */
export interface Decoded {
  bytes: Uint8Array;
  length: number;
}

/**
 * Decodes `input[from, to)` and appends the data to `decoded`, until the body's end or the input's.
 * @returns the position after the last byte that belongs to the body, -1 when the coding is malformed
 */
export const decodeChunked = (
  body: ChunkedBody,
  input: Uint8Array,
  from: number,
  to: number,
  decoded: Decoded,
): number => {
  let at = from;
  while (at < to) {
    const byte = input[at]!;
    switch (body.state) {
      case "size": {
        const value = hexValues[byte]!;
        if (value !== 255) {
          // 12 digits stay exact in a double.
          if (++body.digits > 12) return -1;
          body.remaining = body.remaining * 16 + value;
        } else if (body.digits === 0) return -1;
        else if (byte === CR) body.state = "size-lf";
        else if (byte === 0x3b) body.state = "extension";
        else return -1;
        at++;
        break;
      }
      case "extension":
        if (byte === CR) body.state = "size-lf";
        else if (valueBytes[byte] !== 1 || ++body.lineBytes > maxLineBytes) return -1;
        at++;
        break;
      case "size-lf":
        if (byte !== LF) return -1;
        body.state = body.remaining === 0 ? "trailer" : "data";
        body.digits = 0;
        body.lineBytes = 0;
        at++;
        break;
      case "data": {
        const length = Math.min(body.remaining, to - at);
        put(decoded, input, at, length);
        body.remaining -= length;
        at += length;
        if (body.remaining === 0) body.state = "data-cr";
        break;
      }
      case "data-cr":
        if (byte !== CR) return -1;
        body.state = "data-lf";
        at++;
        break;
      case "data-lf":
        if (byte !== LF) return -1;
        body.state = "size";
        at++;
        break;
      case "trailer":
        at++;
        if (byte === CR) body.state = body.trailers.length === body.trailerLine ? "last-lf" : "trailer-lf";
        else if (valueBytes[byte] !== 1 || ++body.lineBytes > maxTrailerBytes) return -1;
        else body.trailers.push(byte);
        break;
      case "trailer-lf":
        if (byte !== LF || !endTrailerLine(body)) return -1;
        body.state = "trailer";
        at++;
        break;
      case "last-lf":
        if (byte !== LF) return -1;
        body.done = true;
        return at + 1;
    }
  }
  return at;
};

/** How much of a body is looked at before its request is passed on. */
const maxAheadBytes = 16 * 1024;

/**
 * Whether what came of a body along with the head may be its beginning, so that a malformed one is refused before
 * anybody hears of it. @param scratch overwritten
 */
export const beginsWell = (input: Uint8Array, from: number, end: number, scratch: Uint8Array): boolean => {
  const to = Math.min(end, from + maxAheadBytes);
  return decodeChunked(createChunkedBody(), input, from, to, { bytes: scratch, length: 0 }) >= 0;
};

const put = (decoded: Decoded, input: Uint8Array, at: number, length: number): void => {
  const { bytes } = decoded;
  if (length > 64) bytes.set(input.subarray(at, at + length), decoded.length);
  else for (let i = 0; i < length; i++) bytes[decoded.length + i] = input[at + i]!;
  decoded.length += length;
};

const contentNames = new Set([
  "content-encoding",
  "content-type",
  "content-range",
  "cache-control",
  "set-cookie",
]);
const accessNames = new Set([
  "authorization",
  "cookie",
  "www-authenticate",
  "location",
  "date",
  "server",
  "age",
]);

/** Checks the line just read; drops it when it may not stand in a trailer (RFC 9110 section 6.5.1). */
const endTrailerLine = (body: ChunkedBody): boolean => {
  const line = Uint8Array.from(body.trailers.slice(body.trailerLine));
  const colon = line.indexOf(COLON);
  if (colon <= 0) return false;
  for (let i = 0; i < colon; i++) if (tokenBytes[line[i]!] !== 1) return false;
  const name = Buffer.from(line.subarray(0, colon)).toString("latin1").toLowerCase();
  const refused =
    fieldOf(line, 0, colon) !== Field.other ||
    contentNames.has(name) ||
    accessNames.has(name) ||
    name.includes("_");
  if (refused) body.trailers.length = body.trailerLine;
  else {
    while (isBlank(body.trailers.at(-1))) body.trailers.pop();
    body.trailers.push(CR, LF);
  }
  body.trailerLine = body.trailers.length;
  return true;
};

const isBlank = (byte: number | undefined): boolean => byte === SP || byte === TAB;
