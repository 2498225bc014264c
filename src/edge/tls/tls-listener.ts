import type { Socket } from "node:net";
import { createServer, type SecureContextOptions, type TLSSocket } from "node:tls";
import { AppError } from "../../errors.ts";
import { acceptH2 } from "../h2/listener.ts";
import { createShared } from "../h2/shared.ts";
import type { Shared } from "../h2/state.ts";
import { handshakesFor, makeRoom } from "../capacity.ts";
import { createTlsFront, type TlsFront } from "../proxy-protocol/tls-front.ts";
import { visitorFaulted } from "../edge.ts";
import { boundUnsent, narrowBuffers } from "../kernel-buffers.ts";
import type { Edge, Visitor } from "../state.ts";
import { visitorData, visitorDrained, visitorEnded, visitorOpened } from "../visitor.ts";
import { type CertificateBook, certificateFor, contextOptions } from "./certificate-set.ts";
import { acmeProtocol } from "./challenges.ts";
import { channelOf } from "./secure-channel.ts";
import { TlsByteSocket, type TlsUser } from "./tls-socket.ts";

/** HTTPS on one address. */
export interface TlsListener {
  readonly hostname: string;
  readonly port: number;
  /** Puts the edge's present certificates in force for new handshakes. */
  certificatesChanged(): void;
  /** Accepts nothing more; handshakes under way go on to be served. */
  retire(): void;
  /** Handshakes under way. */
  handshakes(): number;
  /** Accepts nothing more; handshakes under way end. */
  stop(): void;
  /** Waits until what the state machines have given away is with the kernel, at most 5 s. Call after `stop`. */
  flushed(): Promise<void>;
}

/** Protocols offered by ALPN, best first. An entry needs a case in `accepted`. */
const protocolsOf = (http2: boolean): string[] => (http2 ? ["h2", "http/1.1"] : ["http/1.1"]);

export interface TlsListenerOptions {
  host: string;
  port: number;
  /** From accept to the end of the handshake; 10 s by default. */
  handshakeMs?: number;
  /** Handshakes under way at once, and connections that are closing; beyond that the oldest goes. */
  handshakes?: number;
  /** Offers HTTP/2. */
  http2?: boolean;
}

/**
 * Accepts visitors over TLS. The certificate is chosen by the name that the handshake gives; what is decrypted
 * goes the way of plain connections.
 * @throws AppError `unavailable` when the address cannot be bound
 */
export const listenTls = async (edge: Edge, options: TlsListenerOptions): Promise<TlsListener> => {
  const { host, port, handshakeMs = 10_000, handshakes = handshakesFor(edge.capacity) } = options;
  const { http2 = false } = options;
  const connections = createConnections(edge, handshakeMs, handshakes);
  const ours = protocolsOf(http2);
  const server = createServer({
    ...contextOf(edge.certificates),
    ALPNCallback: ({ servername, protocols }) => {
      // Visitors of a host whose challenge is under way have its certificate by now, which is not for them.
      if (edge.challenges.tls.size > 0 && edge.challenges.tls.has((servername || "").toLowerCase()))
        return protocols.includes(acmeProtocol) ? acmeProtocol : undefined;
      return ours.find((protocol) => protocols.includes(protocol));
    },
    allowHalfOpen: true,
    SNICallback: (name, done) => {
      const book = edge.certificates;
      const host = name.toLowerCase();
      const context =
        edge.challenges.tls.get(host) ?? certificateFor(book, host)?.context ?? book.fallback?.context;
      // Without a context the handshake has no certificate and is refused by an alert.
      done(null, context);
    },
  });
  const front = edge.proxyProtocol
    ? createTlsFront(edge, connections.opened, (socket) => void server.emit("connection", socket))
    : null;
  if (front === null) server.on("connection", connections.opened);
  server.on("secureConnection", (socket) => connections.secured(socket, front));
  server.on("tlsClientError", (_, socket) => socket.destroy());
  const listening = front?.server ?? server;
  await new Promise<void>((resolve, reject) => {
    listening.once("error", reject);
    listening.listen({ host, port, reusePort: true }, () => {
      listening.off("error", reject);
      resolve();
    });
  }).catch((cause: unknown) => {
    connections.stop();
    throw cannotBind(host, port, cause);
  });
  boundUnsent((listening as unknown as { _handle: object })._handle, narrowBuffers);
  listening.on("error", (error) => edge.log.error("the HTTPS listener failed", { error }));
  const bound = listening.address() as { address: string; port: number };
  let fallback = edge.certificates.fallback;
  return {
    hostname: host,
    port: bound.port,
    certificatesChanged() {
      // Only when it differs, since tickets of before are not valid under another context.
      if (edge.certificates.fallback === fallback) return;
      fallback = edge.certificates.fallback;
      server.setSecureContext(contextOf(edge.certificates));
    },
    retire: () => void listening.close(),
    handshakes: connections.handshakes,
    stop() {
      listening.close();
      connections.stop();
    },
    flushed: connections.flushed,
  };
};

const flushMs = 5_000;
const pollMs = 5;

/** What a handshake without a name gets. */
const contextOf = ({ fallback }: CertificateBook): SecureContextOptions => ({
  ...contextOptions,
  ...(fallback === null ? {} : { cert: fallback.certificate, key: fallback.key }),
});

const cannotBind = (host: string, port: number, cause: unknown): AppError => {
  const { code } = cause as { code?: string };
  const why =
    code === "EADDRINUSE"
      ? "is taken by another program"
      : code === "EACCES"
        ? "may not be bound by this user"
        : "cannot be bound";
  return new AppError("unavailable", `the edge's address ${host}:${port} ${why}`, { cause });
};

const ignore = (): void => {};

/** Connections that are not a visitor yet, or not any more: each has a deadline of its own. */
const createConnections = (edge: Edge, handshakeMs: number, handshakes: number) => {
  const shared = createShared();
  /** In the order of their deadlines, since each gets the same time. */
  const shaking = new Map<Socket, number>();
  const closing = new Map<Socket, number>();
  const put = (sockets: Map<Socket, number>, socket: Socket, deadlineMs: number): void => {
    if (sockets.size >= handshakes) {
      const [oldest] = sockets.keys();
      sockets.delete(oldest!);
      oldest!.destroy();
    }
    sockets.set(socket, edge.now() + deadlineMs);
  };
  const forgetLate = (sockets: Map<Socket, number>): void => {
    for (const [socket, deadlineMs] of sockets) {
      if (deadlineMs > edge.now()) return;
      sockets.delete(socket);
      socket.destroy();
    }
  };
  const timer = setInterval(() => {
    forgetLate(shaking);
    forgetLate(closing);
  }, edge.deadlines.sweepMs);

  const opened = (connection: Socket): void => {
    if (edge.stopping) {
      connection.destroy();
      return;
    }
    put(shaking, connection, handshakeMs);
    watch(connection);
  };

  function forget(this: Socket): void {
    shaking.delete(this);
    closing.delete(this);
  }
  const watch = (connection: Socket): void => {
    connection.on("close", forget);
    connection.on("error", ignore);
  };
  const leave = (socket: TLSSocket): void => put(closing, socket, edge.deadlines.stallMs);

  const secured = (socket: TLSSocket, front: TlsFront | null): void => {
    // Behind a front, TLS is a socket of its own over the one that was opened.
    const connection = front === null ? socket : (socket as TLSSocket & { _parent: Socket })._parent;
    shaking.delete(connection);
    if (front !== null) watch(socket);
    if (socket.alpnProtocol === acmeProtocol) {
      // The handshake was all it came for (RFC 8737 section 3).
      socket.end();
      leave(socket);
      return;
    }
    if (edge.stopping || !makeRoom(edge)) {
      socket.resetAndDestroy();
      return;
    }
    socket.setNoDelay(true);
    const address = front === null ? socket.remoteAddress : front.addressOf(connection);
    accepted(edge, shared, socket, address ?? "", leave);
  };

  return {
    opened,
    secured,
    handshakes: () => shaking.size,
    stop() {
      clearInterval(timer);
      for (const socket of shaking.keys()) socket.destroy();
    },
    async flushed() {
      const endsAtMs = edge.now() + flushMs;
      while (closing.size > 0 && edge.now() < endsAtMs) await Bun.sleep(pollMs);
    },
  };
};

const visitors: TlsUser<Visitor> = {
  data: visitorData,
  drained: visitorDrained,
  ended: (visitor) => visitorEnded(visitor, true),
  closed: (visitor, failed) => visitorEnded(visitor, !failed),
  faulted: (visitor, error) => visitorFaulted(visitor.edge, visitor, error as Error),
};

/** A handshake is done: the connection's bytes go to what reads its protocol. */
const accepted = (
  edge: Edge,
  shared: Shared,
  socket: TLSSocket,
  address: string,
  ending: (socket: TLSSocket) => void,
): void => {
  const channel = channelOf(edge.certificates, serverNameOf(socket));
  if (socket.alpnProtocol === "h2") {
    acceptH2(edge, shared, socket, address, channel, ending);
    return;
  }
  const bytes = new TlsByteSocket(socket, address, visitors, ending);
  bytes.attach(visitorOpened(edge, bytes, channel));
};

/** Missing in Bun's types; false when the visitor named none. */
const serverNameOf = (socket: TLSSocket): string | null =>
  (socket as TLSSocket & { servername?: string | false }).servername || null;
