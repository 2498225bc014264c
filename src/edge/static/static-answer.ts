import { read } from "node:fs";
import { STATUS_CODES } from "node:http";
import { promisify } from "node:util";
import { send } from "../byte-socket.ts";
import { ascii } from "../byte-classes.ts";
import { makeWay } from "../capacity.ts";
import { answerExchange, completeExchange, failExchange, transportSecurityOf } from "../exchange-end.ts";
import { fieldTexts, textOf } from "../fields.ts";
import { countAnswer, countOut } from "../meter.ts";
import { pageAnswer } from "../own-answer.ts";
import { dressLines } from "../rules/dress-answer.ts";
import { slowAnswer } from "../slow-down.ts";
import type { RequestHead } from "../request-head.ts";
import type { Exchange } from "../state.ts";
import { contentTypeOf } from "./content-types.ts";
import { entityTagOf, isNotModified, rangeOf } from "./static-conditions.ts";
import { type Encoded, openEncoded } from "./static-encoding.ts";
import { closeFound, type Found, type OpenFile, openInside, type StaticFolder } from "./static-file.ts";
import { folderLocation, type StaticPath, staticPathOf } from "./static-path.ts";

/** Answers an exchange from a release folder. The head is still in `edge.requestHead` and `edge.requestOut`. */
export const answerFromFolder = (
  exchange: Exchange,
  folder: StaticFolder,
  head: RequestHead,
  input: Uint8Array,
): void => {
  const { edge } = exchange.visitor;
  if (head.method !== "GET" && head.method !== "HEAD") {
    const answer = pageAnswer(405, "Method not allowed", "This site only serves files.");
    answerExchange(exchange, { ...answer, fields: `Allow: GET, HEAD\r\n${answer.fields}` });
    return;
  }
  exchange.visitor.phase = "answer";
  const path = staticPathOf(textOf(input, head.targetStart, head.targetEnd));
  const fields = fieldTexts(edge.requestOut, conditionNames);
  if (!makeWay(edge)) {
    failExchange(exchange, 503);
    return;
  }
  edge.outgoing++;
  serve(exchange, folder, path, fields)
    .catch((error: unknown) => {
      edge.log.error("a static file could not be served", { error, folder: folder.path });
      if (exchange.visitor.exchange === exchange) failExchange(exchange, 500);
    })
    .finally(() => edge.outgoing--);
};

const conditionNames = new Set([
  "if-none-match",
  "if-modified-since",
  "if-range",
  "range",
  "accept-encoding",
]);

const serve = async (
  exchange: Exchange,
  folder: StaticFolder,
  path: StaticPath | null,
  fields: Map<string, string>,
): Promise<void> => {
  let found: Found = path === null ? { kind: "none" } : await openInside(folder, path.segments);
  if (path !== null && found.kind === "folder") {
    if (!path.folder && path.segments.length > 0) {
      if (isCurrent(exchange)) redirect(exchange, folderLocation(path));
      return;
    }
    found = await openInside(folder, [...path.segments, "index.html"]);
  } else if (found.kind === "file" && path!.folder) {
    // A file is not a folder: relative links in it would lead elsewhere.
    await closeFound(found);
    found = { kind: "none" };
  }
  let status = 200;
  const { rules } = exchange.target;
  if (found.kind === "none" && rules?.spaFallback === true && path !== null && isPagePath(path))
    found = await openInside(folder, ["index.html"]);
  if (found.kind !== "file") {
    found = await openInside(folder, ["404.html"]);
    status = 404;
  }
  if (found.kind !== "file") {
    if (isCurrent(exchange))
      answerExchange(exchange, pageAnswer(404, "Not found", "There is nothing at this address."));
    return;
  }
  let encoded: Encoded | null = null;
  try {
    if (rules?.precompressed === true) encoded = await openEncoded(found, fields.get("accept-encoding"));
    if (isCurrent(exchange)) await sendFile(exchange, found, encoded, status, fields);
  } finally {
    await closeFound(found);
    if (encoded !== null) await closeFound(encoded.file);
  }
};

/** A path that a browser's router may know: the last part has no file's ending. */
const isPagePath = ({ segments }: StaticPath): boolean => !segments.at(-1)?.includes(".");

/** The visitor may have left while a file was being opened. */
const isCurrent = (exchange: Exchange): boolean => exchange.visitor.exchange === exchange;

const redirect = (exchange: Exchange, location: string): void => {
  const answer = pageAnswer(301, "Moved", "This address ends with a slash.");
  answerExchange(exchange, { ...answer, fields: `Location: ${location}\r\n` });
};

const sendFile = async (
  exchange: Exchange,
  plain: OpenFile,
  encoded: Encoded | null,
  status: number,
  fields: Map<string, string>,
): Promise<void> => {
  const { descriptor, stats } = encoded?.file ?? plain;
  const tag = entityTagOf(stats);
  const coding =
    (encoded === null ? "" : `Content-Encoding: ${encoded.coding}\r\n`) +
    (exchange.target.rules?.precompressed === true ? "Vary: Accept-Encoding\r\n" : "");
  const version =
    `ETag: ${tag}\r\nLast-Modified: ${new Date(stats.mtimeMs).toUTCString()}\r\n` +
    // Kept, but asked about again: a deploy is seen at once.
    `Cache-Control: public, max-age=0, must-revalidate\r\n${coding}`;
  if (status === 200 && isNotModified(fields, tag, stats.mtimeMs)) {
    sendBare(exchange, beginAnswer(exchange, 304, version));
    return;
  }
  const range =
    status === 200 && !exchange.isHead ? rangeOf(fields, stats.size, tag, stats.mtimeMs) : "whole";
  if (range === "unsatisfiable") {
    const fields = `Content-Range: bytes */${stats.size}\r\nContent-Length: 0\r\n`;
    sendBare(exchange, beginAnswer(exchange, 416, fields));
    return;
  }
  const { from, to } = range === "whole" ? { from: 0, to: stats.size } : range;
  const about =
    `Content-Type: ${contentTypeOf(plain.name)}\r\nContent-Length: ${to - from}\r\n` +
    `X-Content-Type-Options: nosniff\r\n${status === 200 ? `${version}Accept-Ranges: bytes\r\n` : coding}`;
  const head =
    range === "whole"
      ? beginAnswer(exchange, status, about)
      : beginAnswer(exchange, 206, `${about}Content-Range: bytes ${from}-${to - 1}/${stats.size}\r\n`);
  if (exchange.isHead || to === from) sendBare(exchange, head);
  else await stream(exchange, head, descriptor, from, to);
};

/** Decides the answer and gives its head, counted but not sent. */
const beginAnswer = (exchange: Exchange, status: number, fields: string): Uint8Array => {
  const { visitor, target } = exchange;
  const { edge } = visitor;
  if (edge.leaving || exchange.body !== "none") exchange.keepAlive = false;
  const connection = !exchange.keepAlive
    ? "Connection: close\r\n"
    : exchange.minor === 0
      ? "Connection: keep-alive\r\n"
      : "";
  const lines = target.rules === null ? fields : dressLines(target.rules, fields);
  const head = ascii(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nDate: ${new Date().toUTCString()}\r\n` +
      `${lines}${transportSecurityOf(exchange)}${connection}\r\n`,
  );
  exchange.answered = true;
  countAnswer(exchange, status);
  countOut(exchange, head.length);
  return head;
};

const sendBare = (exchange: Exchange, head: Uint8Array): void => {
  const { visitor } = exchange;
  send(visitor.out, head, 0, head.length, visitor.edge.clock);
  completeExchange(exchange);
};

const readFile = promisify(read);
const pieceBytes = 64 * 1024;

/**
 * Reads piece by piece, the next one only when the visitor has taken the last: memory is bounded per visitor.
 * The head goes out with the first piece.
 */
const stream = async (
  exchange: Exchange,
  head: Uint8Array,
  descriptor: number,
  from: number,
  to: number,
): Promise<void> => {
  const { visitor } = exchange;
  const { clock, deadlines } = visitor.edge;
  const drain = { wake: (): void => {} };
  exchange.source = { drained: () => drain.wake(), cancel: () => drain.wake() };
  const piece = Buffer.allocUnsafeSlow(head.length + Math.min(pieceBytes, to - from));
  piece.set(head);
  let filled = head.length;
  let at = from;
  while (at < to) {
    if (visitor.out.pendingBytes > 0 || slowAnswer(exchange, null)) {
      await new Promise<void>((resolve) => (drain.wake = resolve));
      if (!isCurrent(exchange)) return;
      continue;
    }
    const { bytesRead } = await readFile(
      descriptor,
      piece,
      filled,
      Math.min(piece.length - filled, to - at),
      at,
    );
    if (!isCurrent(exchange)) return;
    if (bytesRead === 0) {
      // Shorter than announced: the visitor must see that it is cut.
      failExchange(exchange, 500);
      return;
    }
    at += bytesRead;
    if (visitor.left) exchange.deadlineMs = clock.nowMs + deadlines.leaveMs;
    countOut(exchange, bytesRead);
    send(visitor.out, piece, 0, filled + bytesRead, clock);
    filled = 0;
  }
  exchange.source = null;
  completeExchange(exchange);
};
