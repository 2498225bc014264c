import { createServer, type Server, type Socket } from "node:net";
import type { Edge } from "../state.ts";
import { plainAddress } from "../visitor.ts";
import { isIntroduced, noteIntroduction } from "./introduce.ts";
import { readProxyHeader } from "./proxy-header.ts";

/** Accepts in place of a TLS server whose connections may begin with a PROXY header, before the handshake. */
export interface TlsFront {
  readonly server: Server;
  /** Of a connection that was handed on. */
  addressOf(socket: Socket): string;
}

/**
 * @param opened told of each connection; it ends those whose handshake takes too long, the header included
 * @param handOn gets a connection whose next byte is the handshake's first
 */
export const createTlsFront = (
  edge: Edge,
  opened: (socket: Socket) => void,
  handOn: (socket: Socket) => void,
): TlsFront => {
  const addresses = new WeakMap<Socket, string>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    opened(socket);
    if (socket.destroyed) return;
    const address = plainAddress(socket.remoteAddress ?? "");
    addresses.set(socket, address);
    if (!isIntroduced(edge, address)) {
      handOn(socket);
      return;
    }
    let held: Buffer | null = null;
    const read = (bytes: Buffer): void => {
      held = held === null ? bytes : Buffer.concat([held, bytes]);
      const header = readProxyHeader(held);
      if (header === "more") return;
      socket.off("data", read).off("end", left);
      if (header === "wrong") {
        noteIntroduction(edge, address);
        socket.resetAndDestroy();
        return;
      }
      addresses.set(socket, header.address ?? address);
      socket.pause();
      if (held.length > header.length) socket.unshift(held.subarray(header.length));
      handOn(socket);
    };
    const left = (): void => void socket.destroy();
    socket.on("data", read).on("end", left);
  });
  return { server, addressOf: (socket) => addresses.get(socket) ?? "" };
};
