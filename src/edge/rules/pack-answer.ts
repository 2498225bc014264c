import { chunkInto, decodeInto } from "../body-frame.ts";
import { ascii } from "../byte-classes.ts";
import { sendCopied } from "../byte-socket.ts";
import { completeExchange, failExchange } from "../exchange-end.ts";
import { countOut } from "../meter.ts";
import type { HeadWriter } from "../head-writer.ts";
import type { Exchange, UpstreamConnection } from "../state.ts";
import { type Coding, createCompressor } from "./compression.ts";

/** The way of an answer's body through a compressor: decoded, compressed, framed in chunks of the edge's own. */
export interface Packer {
  /** @returns false when no more should come until it has caught up */
  write(data: Uint8Array): boolean;
  /** The body is whole; the exchange completes when all of it is with the visitor. */
  end(): void;
}

const lastChunk = ascii("0\r\n\r\n");

/** Takes the exchange's place for a source; what it sends is metered as sent. */
export const createPacker = (exchange: Exchange, coding: Coding, early: boolean): Packer => {
  const { visitor } = exchange;
  const { edge } = visitor;
  const compressor = createCompressor(coding, early);
  const isCurrent = (): boolean => visitor.exchange === exchange;
  const send = (bytes: Uint8Array, from: number, to: number): void => {
    countOut(exchange, to - from);
    sendCopied(visitor.out, bytes, from, to, edge.clock);
  };
  compressor.on("data", (data: Uint8Array) => {
    if (!isCurrent()) return;
    for (let at = 0; at < data.length;) {
      at = chunkInto(edge.frame, data, at, data.length);
      send(edge.frame.bytes, edge.frame.start, edge.frame.length);
    }
    if (visitor.out.pendingBytes > 0) compressor.pause();
  });
  compressor.on("drain", () => {
    const { upstream } = exchange;
    if (!isCurrent() || upstream === null || !upstream.paused || visitor.out.pendingBytes > 0) return;
    if (edge.slowed.has(exchange)) return;
    upstream.paused = false;
    upstream.out.socket.resume();
  });
  compressor.on("end", () => {
    if (!isCurrent()) return;
    send(lastChunk, 0, lastChunk.length);
    exchange.source = null;
    completeExchange(exchange);
  });
  compressor.on("error", (error) => {
    edge.log.error("compressing an answer failed", { error });
    if (isCurrent()) failExchange(exchange, 500);
  });
  exchange.source = { drained: () => compressor.resume(), cancel: () => compressor.destroy() };
  return {
    write: (data) => compressor.write(data),
    end: () => void compressor.end(),
  };
};

/**
 * Gives body bytes to the packer.
 * @param head the finished head while it is not sent yet
 * @returns whether the body is whole, and where it ended; null when the exchange failed
 */
export const packBody = (
  exchange: Exchange,
  upstream: UpstreamConnection,
  packer: Packer,
  input: Uint8Array,
  from: number,
  head: HeadWriter | null,
): { done: boolean; at: number; room: boolean } | null => {
  const { visitor } = exchange;
  const { edge } = visitor;
  if (head !== null) {
    countOut(exchange, head.length);
    sendCopied(visitor.out, head.bytes, 0, head.length, edge.clock);
  }
  const end = input.length;
  let at = from;
  let room = true;
  let done = false;
  if (upstream.framing === "length") {
    const length = Math.min(upstream.remaining, end - at);
    upstream.remaining -= length;
    done = upstream.remaining === 0;
    if (length > 0) room = packer.write(Buffer.from(input.subarray(at, at + length)));
    at += length;
  } else if (upstream.framing === "chunked")
    while (at < end && !done) {
      at = decodeInto(edge.frame, upstream.chunks!, input, at, end, false);
      if (at < 0) {
        failExchange(exchange, 502);
        return null;
      }
      done = upstream.chunks!.done;
      const { bytes, start, length } = edge.frame;
      if (length > start) room = packer.write(Buffer.from(bytes.subarray(start, length))) && room;
    }
  else {
    if (end > at) room = packer.write(Buffer.from(input.subarray(at, end)));
    at = end;
  }
  if (done) packer.end();
  return { done, at, room: room && visitor.out.pendingBytes === 0 };
};
