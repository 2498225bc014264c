import type { Socket, SocketHandler } from "bun";
import { createOutlet, discard } from "./byte-socket.ts";
import { boundUnread, narrowBuffers } from "./kernel-buffers.ts";
import type { Edge, Exchange, Replica, UpstreamConnection } from "./state.ts";

/** What happens on upstream connections, told to the exchange's code. */
export interface UpstreamEvents {
  opened(connection: UpstreamConnection): void;
  /** No connection came about. */
  failed(connection: UpstreamConnection): void;
  data(connection: UpstreamConnection, bytes: Uint8Array): void;
  drained(connection: UpstreamConnection): void;
  /** The upstream sends nothing more; `clean` is false after a reset. */
  ended(connection: UpstreamConnection, clean: boolean): void;
}

/** Opens a connection for the exchange; `events` say what becomes of it. The sweep ends it at the deadline. */
export const connectUpstream = (
  edge: Edge,
  replica: Replica,
  exchange: Exchange,
  events: UpstreamEvents,
): void => {
  const connection: UpstreamConnection = {
    replica,
    edge,
    counted: true,
    out: null as never,
    phase: "connecting",
    exchange,
    reused: false,
    heard: false,
    held: null,
    paused: false,
    wide: false,
    keepAlive: true,
    framing: "none",
    events: false,
    remaining: 0,
    chunks: null,
    idleSinceMs: 0,
    maxIdleMs: edge.deadlines.upstreamIdleMs,
    deadlineMs: edge.clock.nowMs + edge.deadlines.connectMs,
  };
  edge.connecting.add(connection);
  edge.outgoing++;
  exchange.upstream = connection;
  const { address } = replica.upstream;
  const options = { data: connection, socket: handlers(events), allowHalfOpen: true };
  const opening =
    "unixPath" in address
      ? Bun.connect<UpstreamConnection>({ unix: address.unixPath, ...options })
      : Bun.connect<UpstreamConnection>({ hostname: address.host, port: address.port, ...options });
  // `connectError` has told already.
  opening.catch(() => {
    forget(connection);
    fail(connection, events);
  });
};

/** Its descriptor is gone, or never came about. */
const forget = (connection: UpstreamConnection): void => {
  if (connection.counted) connection.edge.outgoing--;
  connection.counted = false;
};

const fail = (connection: UpstreamConnection, events: UpstreamEvents): void => {
  if (!connection.edge.connecting.delete(connection)) return;
  connection.phase = "closed";
  events.failed(connection);
};

/** Gives up on a connect that takes too long. */
export const abandonConnect = fail;

const handlers = (events: UpstreamEvents): SocketHandler<UpstreamConnection> => ({
  open(socket: Socket<UpstreamConnection>) {
    const connection = socket.data;
    if (!connection.edge.connecting.delete(connection)) {
      socket.terminate();
      return;
    }
    boundUnread(socket, narrowBuffers);
    connection.out = createOutlet(socket as never);
    connection.phase = "idle";
    events.opened(connection);
  },
  data(socket, bytes) {
    if (socket.data.phase !== "closed") events.data(socket.data, bytes);
  },
  drain(socket) {
    if (socket.data.phase !== "closed" && socket.data.phase !== "connecting") events.drained(socket.data);
  },
  end(socket) {
    if (socket.data.phase !== "closed") events.ended(socket.data, true);
    else socket.end();
  },
  close(socket, error) {
    const connection = socket.data;
    forget(connection);
    if (connection.phase === "connecting") fail(connection, events);
    else if (connection.phase !== "closed") events.ended(connection, error === undefined);
    connection.phase = "closed";
  },
  connectError(socket) {
    forget(socket.data);
    fail(socket.data, events);
  },
  error(socket, error) {
    socket.data.edge.log.error("handling an upstream's bytes failed", { error });
    socket.terminate();
  },
});

/** Closes a connection on which nothing is in flight. */
export const closeUpstream = (connection: UpstreamConnection): void => {
  if (leave(connection)) connection.out.socket.end();
};

/** Breaks off what is in flight: a reset, which the upstream notices even when it only waits. */
export const cancelUpstream = (connection: UpstreamConnection): void => {
  if (leave(connection)) connection.out.socket.terminate();
};

const leave = (connection: UpstreamConnection): boolean => {
  const { phase } = connection;
  connection.phase = "closed";
  connection.exchange = null;
  if (phase === "connecting") connection.edge.connecting.delete(connection);
  if (phase === "connecting" || phase === "closed") return false;
  discard(connection.out);
  return true;
};
