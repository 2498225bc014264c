import { chmod, chown, rm } from "node:fs/promises";
import type { Hono } from "hono";
import type { Address } from "../config.ts";
import { AppError } from "../errors.ts";
import type { AppEnv } from "../http/request-env.ts";
import { type SocketData, type Upgrade, webSockets } from "../http/web-sockets.ts";

const options = {
  // The git remote takes large packs and bounds them itself; every other route reads bounded bodies.
  maxRequestBodySize: 2 * 1024 ** 3,
  // Builds can be silent for minutes while somebody follows them; heartbeats and deadlines are the routes' own.
  idleTimeout: 0,
  development: false,
  websocket: webSockets,
} as const;

const upgradeOf =
  (server: Bun.Server<SocketData>, request: Request): Upgrade =>
  (handler, headers) =>
    server.upgrade(request, { headers, data: { handler, drained: null } });

/**
 * The app on its address for people on this machine, and on a unix socket for the edge. Only what comes by the
 * socket is believed about who the visitor is.
 * @throws AppError `unavailable` when the address is taken
 */
export const listen = async (
  app: Hono<AppEnv>,
  address: Address,
  socket: { path: string; group: number | null },
): Promise<{ stop(): Promise<void> }> => {
  let tcp: Bun.Server<SocketData>;
  try {
    tcp = Bun.serve<SocketData>({
      ...options,
      // With development off Bun shares a port (SO_REUSEPORT): two daemons would take turns in answering.
      reusePort: false,
      hostname: address.host,
      port: address.port,
      fetch: (request, server) =>
        app.fetch(request, {
          peerIp: server.requestIP(request)?.address ?? null,
          viaEdge: false,
          upgrade: upgradeOf(server, request),
        }),
    });
  } catch (cause) {
    throw new AppError(
      "unavailable",
      `CROFT_LISTEN: ${address.host}:${address.port} cannot be listened on; is something else there?`,
      { cause },
    );
  }
  await rm(socket.path, { force: true });
  const previous = process.umask(0o177);
  const onSocket = {
    ...options,
    unix: socket.path,
    fetch: (request: Request, server: Bun.Server<SocketData>) =>
      app.fetch(request, { peerIp: null, viaEdge: true, upgrade: upgradeOf(server, request) }),
  };
  // Without an idle timeout of 0 a stream that is silent for 10 s is cut here too; only the types leave it out.
  const unix = Bun.serve(onSocket as unknown as Bun.Serve.Options<SocketData, never>);
  process.umask(previous);
  if (socket.group !== null) {
    await chown(socket.path, 0, socket.group);
    await chmod(socket.path, 0o660);
  }
  return {
    stop: async () => {
      await Promise.all([tcp.stop(true), unix.stop(true)]);
      await rm(socket.path, { force: true });
    },
  };
};
