import type { TLSSocket } from "node:tls";
import type { Edge } from "../state.ts";
import type { SecureChannel } from "../tls/secure-channel.ts";
import { tlsByteSocket } from "../tls/tls-socket.ts";
import { sessionData, sessionDrained, sessionEnded, sessionOpened } from "./session.ts";
import type { Session, Shared } from "./state.ts";

/** A connection whose handshake chose HTTP/2. `ending` is told when only its close is awaited. */
export const acceptH2 = (
  edge: Edge,
  shared: Shared,
  socket: TLSSocket,
  address: string,
  channel: SecureChannel,
  ending: () => void,
): void => {
  const guarded = (act: (session: Session) => void): void => {
    try {
      act(session);
    } catch (error) {
      shared.faulted(session, error);
    }
  };
  const bytes = tlsByteSocket(socket, address, { drained: () => guarded(sessionDrained), ending });
  const session = sessionOpened(edge, shared, bytes, channel);
  socket.on("data", (data: Uint8Array) => guarded((session) => sessionData(session, data)));
  socket.on("end", () => guarded(sessionEnded));
  socket.on("close", () => guarded(sessionEnded));
};
