import type { TLSSocket } from "node:tls";
import type { Edge } from "../state.ts";
import type { SecureChannel } from "../tls/secure-channel.ts";
import { TlsByteSocket, type TlsUser } from "../tls/tls-socket.ts";
import { sessionData, sessionDrained, sessionEnded, sessionOpened } from "./session.ts";
import type { Session, Shared } from "./state.ts";

const sessions: TlsUser<Session> = {
  data: sessionData,
  drained: sessionDrained,
  ended: sessionEnded,
  closed: sessionEnded,
  faulted: (session, error) => session.shared.faulted(session, error),
};

/** A connection whose handshake chose HTTP/2. `ending` is told when only its close is awaited. */
export const acceptH2 = (
  edge: Edge,
  shared: Shared,
  socket: TLSSocket,
  address: string,
  channel: SecureChannel,
  ending: (socket: TLSSocket) => void,
): void => {
  const bytes = new TlsByteSocket(socket, address, sessions, ending);
  bytes.attach(sessionOpened(edge, shared, bytes, channel));
};
