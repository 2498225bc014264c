import type { ServerWebSocket } from "bun";

/** What a route makes of one WebSocket, from its upgrade to its end. Calls come in this order. */
export interface SocketHandler {
  opened(socket: Socket): void;
  message(data: string | Uint8Array): void;
  /** Once, however it ended. */
  closed(): void;
}

export interface Socket {
  /** Resolves when there is room for more, so that a slow client holds itself up; false when it is gone. */
  send(data: string | Uint8Array): Promise<boolean>;
  close(code: number, reason: string): void;
}

/** What travels with a socket inside the server. */
export interface SocketData {
  handler: SocketHandler;
  drained: PromiseWithResolvers<void> | null;
}

/** Hands a request that asks for it over to a handler; false when it cannot be. */
export type Upgrade = (handler: SocketHandler, headers: Record<string, string>) => boolean;

/** More than this in one message closes the connection: what is typed or pasted comes in pieces. */
const maxMessageBytes = 256 * 1024;
/** A client that takes nothing for so long is cut off. */
const stalledMs = 60_000;

const socketOf = (ws: ServerWebSocket<SocketData>): Socket => ({
  async send(data) {
    if (ws.readyState !== WebSocket.OPEN) return false;
    const sent = ws.send(data);
    if (sent > 0) return true;
    if (sent === 0) return false;
    // Sent, but the client has yet to take it.
    const drained = (ws.data.drained ??= Promise.withResolvers<void>());
    const timer = setTimeout(() => ws.terminate(), stalledMs);
    await drained.promise;
    clearTimeout(timer);
    return ws.readyState === WebSocket.OPEN;
  },
  close: (code, reason) => ws.close(code, reason.slice(0, 120)),
});

/** For `Bun.serve`; pings go out by themselves, and a client that answers none is dropped. */
export const webSockets = {
  maxPayloadLength: maxMessageBytes,
  backpressureLimit: 16 * 1024 * 1024,
  idleTimeout: 60,
  sendPings: true,
  perMessageDeflate: false,
  open(ws: ServerWebSocket<SocketData>) {
    ws.binaryType = "uint8array";
    ws.data.handler.opened(socketOf(ws));
  },
  message(ws: ServerWebSocket<SocketData>, data: string | Uint8Array) {
    ws.data.handler.message(data);
  },
  drain(ws: ServerWebSocket<SocketData>) {
    ws.data.drained?.resolve();
    ws.data.drained = null;
  },
  close(ws: ServerWebSocket<SocketData>) {
    ws.data.drained?.resolve();
    ws.data.handler.closed();
  },
};
