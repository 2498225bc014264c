import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";

export interface StallingSocket extends AsyncDisposable {
  /** A unix socket that leads to the other one. */
  path: string;
  /** From here on connections are taken and nothing comes of them, as with an engine that hangs. */
  stall(): void;
  /** What waited is passed on, and all else as before. */
  go(): void;
}

/** A socket of our own in front of another one, which can hang. */
export const stallingSocket = async (target: string): Promise<StallingSocket> => {
  const folder = await mkdtemp("/var/tmp/croft-stall-");
  const path = join(folder, "engine.sock");
  const sockets = new Set<Socket>();
  let stalled = false;
  const server = createServer((client) => {
    const engine = connect(target);
    for (const [socket, other] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(socket);
      if (stalled) socket.pause();
      socket.on("data", (bytes) => {
        if (!other.write(bytes)) socket.pause();
      });
      other.on("drain", () => {
        if (!stalled) socket.resume();
      });
      socket.on("end", () => other.end());
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    stall() {
      stalled = true;
      for (const socket of sockets) socket.pause();
    },
    go() {
      stalled = false;
      for (const socket of sockets) socket.resume();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(folder, { recursive: true, force: true });
    },
  };
};
