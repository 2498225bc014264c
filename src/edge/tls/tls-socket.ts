import type { TLSSocket } from "node:tls";
import type { ByteSocket } from "../byte-socket.ts";

/** How much one write hands over: what the peer does not take of it is kept by the runtime. */
const writeBytes = 64 * 1024;

/**
 * A TLS connection as the state machines want it. The runtime keeps what the kernel did not take of a write, so
 * nothing more is taken until that is gone: memory is bounded, and a peer that reads nothing is noticed.
 * @param address the visitor's
 * @param drained called when bytes are taken again
 */
export const tlsByteSocket = (
  socket: TLSSocket,
  address: string,
  events: { drained: () => void; ending: () => void },
): ByteSocket => {
  let blocked = false;
  const taken = (): void => {
    if (!blocked || socket.writableLength > 0) return;
    blocked = false;
    events.drained();
  };
  return {
    remoteAddress: address,
    write(data, offset = 0, length = data.length - offset) {
      if (socket.destroyed || socket.writableEnded) return -1;
      if (blocked || length === 0) return 0;
      const size = Math.min(length, writeBytes);
      socket.write(size === data.length ? data : data.subarray(offset, offset + size), taken);
      if (socket.writableLength > 0 || size < length) blocked = true;
      return size;
    },
    shutdown() {
      if (!socket.writableEnded) socket.end();
    },
    end() {
      if (socket.destroyed) return;
      events.ending();
      socket.destroySoon();
    },
    terminate() {
      socket.resetAndDestroy();
    },
    pause() {
      socket.pause();
    },
    resume() {
      socket.resume();
    },
    setKeepAlive(enable, initialDelayMs) {
      socket.setKeepAlive(enable, initialDelayMs);
      return true;
    },
  };
};
