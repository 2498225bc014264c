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
      for (let at = 0; at < length;) {
        const size = Math.min(length - at, writeBytes);
        const whole = size === data.length;
        socket.write(whole ? data : data.subarray(offset + at, offset + at + size), taken);
        at += size;
        if (socket.writableLength > 0) {
          blocked = true;
          return at;
        }
      }
      return length;
    },
    get holding() {
      return socket.writableLength > 0;
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
