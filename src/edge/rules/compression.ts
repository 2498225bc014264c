import zlib, { constants, createGzip, type Gzip } from "node:zlib";
import { fieldTexts, textOf } from "../fields.ts";
import { appendText, type HeadWriter } from "../head-writer.ts";
import type { RequestHead } from "../request-head.ts";
import { acceptedCodings } from "./accept-encoding.ts";

/**
 * Compression of what apps answer, where a site asks for it.
 *
 * BREACH (2013): when an answer holds a secret beside text of an attacker's choice, its compressed length tells how
 * alike they are, and the attacker makes the victim's browser ask again and again. So it is off by default, and a
 * request that carries credentials is answered uncompressed unless the browser says that the site itself made it
 * (`Sec-Fetch-Site`, which all browsers send over HTTPS). Other sites below the same domain count as strangers.
 */
export type Coding = "zstd" | "gzip";

const asked = new Set(["accept-encoding", "cookie", "authorization", "sec-fetch-site", "range"]);

/** How the answer to the request in `out` may be compressed; null for not at all. */
export const codingFor = (head: RequestHead, out: HeadWriter): Coding | null => {
  if (head.method === "HEAD" || head.minor === 0 || head.webSocket) return null;
  const fields = fieldTexts(out, asked);
  if (fields.has("range")) return null;
  const from = fields.get("sec-fetch-site");
  const credentials = fields.has("cookie") || fields.has("authorization");
  if (credentials && from !== undefined && from !== "same-origin" && from !== "none") return null;
  const accepted = acceptedCodings(fields.get("accept-encoding"));
  if (accepted.has("zstd")) return "zstd";
  return accepted.has("gzip") ? "gzip" : null;
};

/** Below that there is little to win. */
const smallestBytes = 1_024;
const told = new Set(["content-type", "content-encoding", "cache-control", "etag"]);

// Event streams are left alone: an event must not wait for the next.
const compressible =
  /^(?:text\/(?!event-stream)[\w.+-]+|application\/(?:[\w.+-]+\+)?(?:json|xml|javascript|wasm|manifest)|application\/(?:x-javascript|x-ndjson|graphql|rtf|ld\+json)|image\/(?:svg\+xml|bmp|x-icon|vnd\.microsoft\.icon)|font\/(?:ttf|otf))\s*(?:;|$)/i;

/**
 * Whether the answer whose head is in `out` gains by it.
 * @param contentLength -1 when it is not known
 */
export const isWorthIt = (status: number, contentLength: number, out: HeadWriter): boolean => {
  if (status < 200 || status === 204 || status === 206 || status === 304) return false;
  if (contentLength >= 0 && contentLength < smallestBytes) return false;
  const fields = fieldTexts(out, told);
  if (fields.has("content-encoding") || /\bno-transform\b/i.test(fields.get("cache-control") ?? ""))
    return false;
  return compressible.test(fields.get("content-type") ?? "");
};

/** Rewrites the head in `out`: coded, without length, and with a weak tag, since the bytes are other ones. */
export const writeCodedHead = (out: HeadWriter, coding: Coding): void => {
  const [statusLine, ...lines] = textOf(out.bytes, 0, out.length).split("\r\n").slice(0, -1);
  out.length = 0;
  appendText(out, `${statusLine}\r\n`);
  let varies = false;
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(":")).toLowerCase();
    if (name === "content-length" || name === "accept-ranges") continue;
    if (name === "vary" && /(?:\*|\baccept-encoding\b)/i.test(line)) varies = true;
    appendText(out, `${name === "etag" ? line.replace(/: *"/, ': W/"') : line}\r\n`);
  }
  if (!varies) appendText(out, "Vary: Accept-Encoding\r\n");
  appendText(out, `Content-Encoding: ${coding}\r\n`);
};

/** Node's zstd (since 22.15), which the type declarations do not know yet. */
const { createZstdCompress } = zlib as unknown as {
  createZstdCompress(options: { flush?: number; params: Record<number, number> }): Gzip;
};
const { ZSTD_c_compressionLevel: level, ZSTD_e_flush: flushEach } = constants as unknown as Record<
  string,
  number
>;

/**
 * A stream that compresses, fast rather than small. One whose length is not known beforehand lets out at once what
 * it was given: the app may mean to show a part of its page early.
 */
export const createCompressor = (coding: Coding, early: boolean): Gzip =>
  coding === "gzip"
    ? createGzip({ level: 5, ...(early && { flush: constants.Z_SYNC_FLUSH }) })
    : createZstdCompress({ params: { [level!]: 3 }, ...(early && { flush: flushEach! }) });
