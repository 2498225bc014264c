import { METHODS } from "node:http";
import { originForm } from "./forwarding.ts";
import type { Read, Reading } from "./strict-reader.ts";

/** What other servers say of a request, made comparable with what the edge took it for. */

const bodiless = /^(GET|HEAD|TRACE)$/;

export const asOrigin = (
  server: string,
  { method, target, host, body }: Pick<Reading, "method" | "target" | "host" | "body">,
): string => {
  // ASGI tells of no query and of an empty one in the same way.
  const path = server === "uvicorn" ? originForm(target).replace(/^([^?]*)\?$/, "$1") : originForm(target);
  // A URL is all that `Bun.serve` tells of a target.
  const normal = server === "Bun.serve" && path.startsWith("/") ? new URL(`http://x${path}`) : null;
  return JSON.stringify([
    // gunicorn gives apps all methods in capitals.
    server === "gunicorn" ? method.toUpperCase() : method,
    normal === null ? path : normal.pathname + normal.search,
    // Some keep blanks behind a value; the edge passes on none.
    host.trim().toLowerCase(),
    // Nor does it tell the body of these.
    normal !== null && bodiless.test(method) ? "" : Buffer.from(body, "latin1").toString("base64"),
  ]);
};

export interface Said {
  method: string;
  target: string;
  host: string;
  body: string;
}

export const saidBy = (server: string, said: Said): string =>
  asOrigin(server, { ...said, body: Buffer.from(said.body, "base64").toString("latin1") });

/** What a reading server says of each request on a connection, up to the first that it refuses. */
export const saidIn = (text: string): Said[] =>
  [...text.split(/^HTTP\/1\.1 (?!200|100)/m)[0]!.matchAll(/\r\nx-read: ([\w+/=]+)\r\n/gi)].map(
    ([, it]) => JSON.parse(Buffer.from(it!, "base64").toString()) as Said,
  );

/**
 * Servers may refuse a request that the edge takes: then the site answers with an error in place of the edge, and
 * nobody reads it in another way. Each such case is one of these.
 */
export const mayRefuse = ({ raw, read: { reading } }: { raw: string; read: Read }): boolean =>
  // The edge takes any token for a method, most servers know a list (nginx: capital letters, `_` and `-`).
  !METHODS.includes(reading.method) ||
  reading.target === "*" ||
  // Browsers send a `%` that encodes nothing as it is typed; nginx refuses it, as it does an encoded NUL.
  /%(?![0-9a-f]{2})|%00/i.test(reading.target) ||
  // Out of the root: nginx alone refuses it.
  /^(\/[^/?]*)?\/(\.|%2e){2}([/?;]|$)/i.test(reading.target) ||
  // A WebSocket's handshake without its key.
  /\r\nUpgrade: websocket\r\n/.test(raw) ||
  // The servers' bounds for a head.
  raw.length > 8_000;

/** Why what llhttp refuses of the visitor's own bytes, though the edge takes it, does no harm. */
const harmless: [error: string | null, why: (bytes: string, reading: Reading) => boolean][] = [
  ["HPE_INVALID_METHOD", (_, { method }) => !METHODS.includes(method)],
  // Known to it for HTTP/2 alone.
  ["HPE_INVALID_VERSION", (_, { method }) => method === "PRI"],
  // Read as `Connection`, which it is not (RFC 9110 section 7.6.1); the edge drops it.
  ["HPE_CLOSED_CONNECTION", (bytes) => /proxy-connection:\s*close/i.test(bytes)],
  // A chunk extension that is none; all of them end at the edge.
  ["HPE_STRICT", (bytes) => /\r\n[0-9a-f]+;/i.test(bytes)],
  ["HPE_INVALID_CHUNK_SIZE", (bytes) => /\r\n[0-9a-f]+;/i.test(bytes)],
  // In trailers, where the edge drops it.
  ["HPE_INVALID_CONTENT_LENGTH", (bytes) => /\r\n0+(;.*)?\r\n(.+\r\n)*content-length:/i.test(bytes)],
  // A tab behind the value; the edge writes the field anew.
  ["HPE_INVALID_TRANSFER_ENCODING", (bytes) => /transfer-encoding:.*\t\r\n/i.test(bytes)],
  // After a request that asks for another protocol it reads no further; the edge drops the wish.
  [null, (bytes) => /upgrade:/i.test(bytes)],
];

export const isHarmless = (error: string | null, bytes: string, reading: Reading): boolean =>
  harmless.some(([code, why]) => code === error && why(bytes, reading));
