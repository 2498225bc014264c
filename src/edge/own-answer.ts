import { STATUS_CODES } from "node:http";
import { ascii } from "./byte-classes.ts";
import { send } from "./byte-socket.ts";
import { messagePage } from "./message-page.ts";
import type { Edge, Visitor } from "./state.ts";

/** An answer that the edge gives itself. */
export interface OwnAnswer {
  status: number;
  contentType: string;
  body: string;
  /** Further finished lines, each ended by CRLF. */
  fields?: string;
  /** The body is the site's own already. */
  final?: boolean;
}

/** A small page with a sentence for people. */
export const pageAnswer = (
  status: number,
  title: string,
  message: string,
  retryAfterSeconds?: number,
): OwnAnswer => ({
  status,
  contentType: "text/html; charset=utf-8",
  body: messagePage(status, title, message),
  fields:
    "Cache-Control: no-store\r\n" +
    (retryAfterSeconds === undefined ? "" : `Retry-After: ${retryAfterSeconds}\r\n`),
});

/** For what cannot be tied to a site: says nothing about which sites there are. */
export const plainAnswer = (status: number): OwnAnswer => ({
  status,
  contentType: "text/plain; charset=utf-8",
  body: `${status} ${STATUS_CODES[status] ?? "Error"}\n`,
});

/** Writes the answer; what happens to the connection afterwards is the caller's. @returns bytes sent */
export const writeAnswer = (
  edge: Edge,
  visitor: Visitor,
  answer: OwnAnswer,
  options: { isHead: boolean; keepAlive: boolean; minor: 0 | 1 },
): number => {
  const body = Buffer.from(answer.body);
  const connection = !options.keepAlive
    ? "Connection: close\r\n"
    : options.minor === 0
      ? "Connection: keep-alive\r\n"
      : "";
  const head = ascii(
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ""}\r\n` +
      `Date: ${new Date().toUTCString()}\r\n` +
      `Content-Type: ${answer.contentType}\r\nContent-Length: ${body.length}\r\n` +
      `${answer.fields ?? ""}${connection}\r\n`,
  );
  const bytes = options.isHead ? head : Buffer.concat([head, body]);
  send(visitor.out, bytes, 0, bytes.length, edge.clock);
  return bytes.length;
};
