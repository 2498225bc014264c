import { ascii } from "./byte-classes.ts";
import { passOn, sendCopied } from "./byte-socket.ts";
import { cutTunnel } from "./cut-tunnel.ts";
import { abandonExchange } from "./exchange-end.ts";
import { append } from "./head-writer.ts";
import { countAnswer, countIn, countOut } from "./meter.ts";
import type { Exchange, UpstreamConnection } from "./state.ts";
import { slowAnswer, slowRequest } from "./slow-down.ts";
import { closeUpstream } from "./upstream-connection.ts";
import { closeVisitor, pauseVisitor } from "./visitor-end.ts";
import { CloseCode, createFramePosition, follow } from "./websocket-frames.ts";

/** An upgraded connection: bytes go both ways as they are, each side holding the other back. */

const upgradeLines = ascii("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
const keepAliveProbeMs = 60_000;
/** Of one that visitors send, where the route says nothing. */
const defaultMessageBytes = 16 * 1024 * 1024;

/** Passes on the 101 (in `responseOut`) and what came with it. */
export const beginTunnel = (
  exchange: Exchange,
  upstream: UpstreamConnection,
  input: Uint8Array,
  from: number,
): void => {
  const { visitor } = exchange;
  const { edge } = visitor;
  const out = edge.responseOut;
  append(out, upgradeLines);
  exchange.answered = true;
  exchange.headInput = null;
  exchange.tunnel = { toVisitor: createFramePosition(), toUpstream: createFramePosition() };
  upstream.phase = "tunnel";
  visitor.phase = "tunnel";
  countAnswer(exchange, 101);
  countOut(exchange, out.length);
  // Peers that vanish without a word are found by the kernel's probes.
  visitor.out.socket.setKeepAlive(true, keepAliveProbeMs);
  upstream.out.socket.setKeepAlive(true, keepAliveProbeMs);
  if (!sendCopied(visitor.out, out.bytes, 0, out.length, edge.clock)) pause(upstream);
  if (from < input.length) tunnelToVisitor(exchange, upstream, input, from);
  exchange.deadlineMs = edge.clock.nowMs + edge.deadlines.silenceMs;
  if (visitor.held !== null) visitor.advance(visitor);
};

export const tunnelToVisitor = (
  exchange: Exchange,
  upstream: UpstreamConnection,
  input: Uint8Array,
  from: number,
): void => {
  const { visitor, tunnel } = exchange;
  const { edge } = visitor;
  follow(tunnel!.toVisitor, input, from, input.length);
  countOut(exchange, input.length - from);
  exchange.deadlineMs = edge.clock.nowMs + edge.deadlines.silenceMs;
  if (!passOn(visitor.out, input, from, input.length, edge.clock)) pause(upstream);
  else slowAnswer(exchange, upstream);
};

export const tunnelToUpstream = (exchange: Exchange, input: Uint8Array, from: number, end: number): void => {
  const { visitor, tunnel, upstream } = exchange;
  const { edge } = visitor;
  const { webSocketMessageBytes = defaultMessageBytes } = exchange.target.route.limits;
  const tooBigAt = follow(tunnel!.toUpstream, input, from, end, webSocketMessageBytes);
  if (tooBigAt >= 0) {
    countIn(exchange, tooBigAt - from);
    if (tooBigAt > from) passOn(upstream!.out, input, from, tooBigAt, edge.clock);
    cutTunnel(exchange, CloseCode.tooBig);
    return;
  }
  countIn(exchange, end - from);
  exchange.deadlineMs = edge.clock.nowMs + edge.deadlines.silenceMs;
  if (!passOn(upstream!.out, input, from, end, edge.clock)) pauseVisitor(visitor);
  else slowRequest(exchange);
};

const pause = (upstream: UpstreamConnection): void => {
  if (upstream.paused || upstream.phase === "closed") return;
  upstream.paused = true;
  upstream.out.socket.pause();
};

/** One side is done. WebSocket closes by frames in both directions first, so nothing is owed to the other side. */
export const endTunnel = (exchange: Exchange, side: "visitor" | "upstream", clean: boolean): void => {
  const { visitor } = exchange;
  if (side === "upstream" && clean && visitor.out.pendingBytes > 0) {
    // What the upstream sent last still goes out; the visitor's connection ends when it has.
    exchange.keepAlive = false;
    exchange.complete = true;
    return;
  }
  const { upstream } = exchange;
  if (clean && upstream !== null && upstream.out.pendingBytes === 0) {
    exchange.upstream = null;
    closeUpstream(upstream);
  }
  abandonExchange(exchange);
  closeVisitor(visitor, !clean);
};
