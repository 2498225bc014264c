import { STATUS_CODES } from "node:http";
import { send } from "../byte-socket.ts";
import { ascii } from "../byte-classes.ts";
import { answerExchange, completeExchange, failExchange } from "../exchange-end.ts";
import { fieldTexts, textOf } from "../fields.ts";
import { countAnswer } from "../meter.ts";
import { pageAnswer } from "../own-answer.ts";
import type { RequestHead } from "../request-head.ts";
import type { Exchange } from "../state.ts";
import { contentTypeOf } from "./content-types.ts";
import { entityTagOf, isNotModified, rangeOf } from "./static-conditions.ts";
import { type Found, openInside } from "./static-file.ts";
import { folderLocation, type StaticPath, staticPathOf } from "./static-path.ts";

/** Answers an exchange from a release folder. The head is still in `edge.requestHead` and `edge.requestOut`. */
export const answerFromFolder = (
  exchange: Exchange,
  folder: string,
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
  serve(exchange, folder, path, fields).catch((error: unknown) => {
    edge.log.error("a static file could not be served", { error, folder });
    if (exchange.visitor.exchange === exchange) failExchange(exchange, 500);
  });
};

const conditionNames = new Set(["if-none-match", "if-modified-since", "if-range", "range"]);

const serve = async (
  exchange: Exchange,
  folder: string,
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
    await found.handle.close();
    found = { kind: "none" };
  }
  let status = 200;
  if (found.kind !== "file") {
    found = await openInside(folder, ["404.html"]);
    status = 404;
  }
  if (found.kind !== "file") {
    if (isCurrent(exchange))
      answerExchange(exchange, pageAnswer(404, "Not found", "There is nothing at this address."));
    return;
  }
  try {
    if (isCurrent(exchange)) await sendFile(exchange, found, status, fields);
  } finally {
    await found.handle.close();
  }
};

/** The visitor may have left while a file was being opened. */
const isCurrent = (exchange: Exchange): boolean => exchange.visitor.exchange === exchange;

const redirect = (exchange: Exchange, location: string): void => {
  const answer = pageAnswer(301, "Moved", "This address ends with a slash.");
  answerExchange(exchange, { ...answer, fields: `Location: ${location}\r\n` });
};

const sendFile = async (
  exchange: Exchange,
  { handle, stats, name }: Extract<Found, { kind: "file" }>,
  status: number,
  fields: Map<string, string>,
): Promise<void> => {
  const tag = entityTagOf(stats);
  const version =
    `ETag: ${tag}\r\nLast-Modified: ${new Date(stats.mtimeMs).toUTCString()}\r\n` +
    // Kept, but asked about again: a deploy is seen at once.
    "Cache-Control: public, max-age=0, must-revalidate\r\n";
  if (status === 200 && isNotModified(fields, tag, stats.mtimeMs)) {
    emitHead(exchange, 304, version);
    completeExchange(exchange);
    return;
  }
  const range =
    status === 200 && !exchange.isHead ? rangeOf(fields, stats.size, tag, stats.mtimeMs) : "whole";
  if (range === "unsatisfiable") {
    emitHead(exchange, 416, `Content-Range: bytes */${stats.size}\r\nContent-Length: 0\r\n`);
    completeExchange(exchange);
    return;
  }
  const { from, to } = range === "whole" ? { from: 0, to: stats.size } : range;
  const about =
    `Content-Type: ${contentTypeOf(name)}\r\nContent-Length: ${to - from}\r\n` +
    `X-Content-Type-Options: nosniff\r\n${status === 200 ? `${version}Accept-Ranges: bytes\r\n` : ""}`;
  if (range === "whole") emitHead(exchange, status, about);
  else emitHead(exchange, 206, `${about}Content-Range: bytes ${from}-${to - 1}/${stats.size}\r\n`);
  if (exchange.isHead || to === from) completeExchange(exchange);
  else await stream(exchange, handle, from, to);
};

const emitHead = (exchange: Exchange, status: number, fields: string): void => {
  const { visitor, target } = exchange;
  const { edge } = visitor;
  if (edge.stopping || exchange.body !== "none") exchange.keepAlive = false;
  const connection = !exchange.keepAlive
    ? "Connection: close\r\n"
    : exchange.minor === 0
      ? "Connection: keep-alive\r\n"
      : "";
  const head = ascii(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nDate: ${new Date().toUTCString()}\r\n${fields}${connection}\r\n`,
  );
  exchange.answered = true;
  countAnswer(target.meter, status);
  target.meter.bytesOut += head.length;
  send(visitor.out, head, 0, head.length, edge.clock);
};

const pieceBytes = 64 * 1024;

/** Reads piece by piece, the next one only when the visitor has taken the last: memory is bounded per visitor. */
const stream = async (
  exchange: Exchange,
  handle: Extract<Found, { kind: "file" }>["handle"],
  from: number,
  to: number,
): Promise<void> => {
  const { visitor, target } = exchange;
  const { clock } = visitor.edge;
  const drain = { wake: (): void => {} };
  exchange.source = { drained: () => drain.wake(), cancel: () => drain.wake() };
  const piece = Buffer.allocUnsafeSlow(Math.min(pieceBytes, to - from));
  let at = from;
  while (at < to) {
    if (visitor.out.pendingBytes > 0) {
      await new Promise<void>((resolve) => (drain.wake = resolve));
      if (!isCurrent(exchange)) return;
      continue;
    }
    const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, to - at), at);
    if (!isCurrent(exchange)) return;
    if (bytesRead === 0) {
      // Shorter than announced: the visitor must see that it is cut.
      failExchange(exchange, 500);
      return;
    }
    at += bytesRead;
    if (visitor.left) exchange.deadlineMs = clock.nowMs + visitor.edge.deadlines.leaveMs;
    target.meter.bytesOut += bytesRead;
    send(visitor.out, piece, 0, bytesRead, clock);
  }
  exchange.source = null;
  completeExchange(exchange);
};
