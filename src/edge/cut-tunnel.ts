import { sendCopied } from "./byte-socket.ts";
import { abandonExchange } from "./exchange-end.ts";
import type { Exchange } from "./state.ts";
import { closeUpstream } from "./upstream-connection.ts";
import { closeVisitor, lingerVisitor } from "./visitor-end.ts";
import { atBoundary, type CloseCode, closeFrameToUpstream, closeFrameToVisitor } from "./websocket-frames.ts";

/** Ends a WebSocket from the edge: each side is told by a close frame, where one fits between two frames. */
export const cutTunnel = (exchange: Exchange, code: CloseCode): void => {
  const { visitor, upstream, tunnel } = exchange;
  const { clock } = visitor.edge;
  const polite = atBoundary(tunnel!.toVisitor) && visitor.out.pendingBytes === 0;
  if (polite) {
    const frame = closeFrameToVisitor(code);
    sendCopied(visitor.out, frame, 0, frame.length, clock);
  }
  if (upstream !== null && atBoundary(tunnel!.toUpstream) && upstream.out.pendingBytes === 0) {
    const frame = closeFrameToUpstream(code);
    sendCopied(upstream.out, frame, 0, frame.length, clock);
    // Not by a reset, which could overtake it.
    exchange.upstream = null;
    closeUpstream(upstream);
  }
  abandonExchange(exchange);
  // After the close frame the visitor answers with its own; only then, or soon, the connection goes.
  if (polite) lingerVisitor(visitor);
  else closeVisitor(visitor, true);
};
