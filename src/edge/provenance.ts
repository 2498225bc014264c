import { ascii, CR, LF } from "./byte-classes.ts";
import { textOf } from "./fields.ts";
import { append, appendText, type HeadWriter } from "./head-writer.ts";
import type { Edge, Exchange } from "./state.ts";

/**
 * Where a request comes from, for the app: the one address that is believed, never a chain, since apps differ in
 * which end of one they read. `Forwarded` (RFC 7239) says the same.
 * @returns finished lines, and the start of `X-Forwarded-Host`
 */
export const provenanceOf = (address: string, secure: boolean): Uint8Array => {
  const proto = secure ? "https" : "http";
  const node = address === "" ? "unknown" : address.includes(":") ? `"[${address}]"` : address;
  return ascii(
    `X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: ${proto}\r\nForwarded: for=${node};proto=${proto}\r\nX-Forwarded-Host: `,
  );
};

/** The last one that was made: visitors come with several connections, over HTTP/2 each request with one of its own. */
export interface LastProvenance {
  address: string;
  secure: boolean;
  lines: Uint8Array;
}

export const createLastProvenance = (): LastProvenance => ({
  address: "",
  secure: false,
  lines: provenanceOf("", false),
});

export const provenanceFor = (last: LastProvenance, address: string, secure: boolean): Uint8Array => {
  if (last.address === address && last.secure === secure) return last.lines;
  last.address = address;
  last.secure = secure;
  last.lines = provenanceOf(address, secure);
  return last.lines;
};

/** How the ids of a process begin: they are told apart from those of other edges, and counted. */
export const createIdLine = (): Uint8Array =>
  ascii(`X-Request-Id: ${Bun.randomUUIDv7().replaceAll("-", "").slice(-12)}-`);

const digits = ascii("0123456789abcdef");

/** The same line, for an answer of the edge's own: people quote it, and the access log has it. */
export const requestIdLine = (edge: Edge, exchange: Exchange): string => {
  const out = { bytes: new Uint8Array(256), length: 0 };
  appendRequestId(out, edge, exchange);
  return textOf(out.bytes, 0, out.length);
};

/** Names the request to the app, by the same id when it is sent once more. */
export const appendRequestId = (out: HeadWriter, edge: Edge, exchange: Exchange): void => {
  if (exchange.requestId !== null) {
    appendText(out, `X-Request-Id: ${exchange.requestId}\r\n`);
    return;
  }
  if (exchange.requestNumber === 0) exchange.requestNumber = ++edge.requests;
  append(out, edge.idLine);
  const { bytes } = out;
  // Lowest digit first: an id need not be in order, only be another one.
  for (let left = exchange.requestNumber; left > 0; left = Math.floor(left / 16))
    bytes[out.length++] = digits[left % 16]!;
  bytes[out.length++] = CR;
  bytes[out.length++] = LF;
};
