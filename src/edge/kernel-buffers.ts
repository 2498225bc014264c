import { dlopen } from "bun:ffi";

/**
 * What the kernel keeps of a connection, by setsockopt(2) and tcp(7). Left to itself it takes megabytes ahead of whoever
 * reads slowly, on both sides of the edge: a few thousand of those use up what all connections of the machine may have
 * together (`net.ipv4.tcp_mem`), and then everybody's packets are dropped. Best effort: where there is no such library,
 * and on what is no socket of the kernel, the kernel's own bounds hold.
 */
export interface KernelBuffers {
  /** What waits to be sent; what is on its way does not count. Connections inherit it from their listener. */
  readonly unsentBytes: number;
  /** What was received and nobody has read. One read gets no more at once. The kernel doubles it for its own needs. */
  readonly unreadBytes: number;
}

/** For who may turn out to be slow. */
export const narrowBuffers: KernelBuffers = { unsentBytes: 128 * 1024, unreadBytes: 64 * 1024 };
/** For who takes a lot, quickly: large pieces cost less. */
export const wideBuffers: KernelBuffers = { unsentBytes: 512 * 1024, unreadBytes: 256 * 1024 };

const tcpLevel = 6;
const notSentLowWater = 25;
const tcpInfo = 11;
const socketLevel = 1;
const receiveBuffer = 8;
/** Where `tcpi_bytes_acked` lies in `struct tcp_info`, in words of 8 bytes (Linux 4.1 and later). */
const ackedAt = 15;

const { symbols: library } = (() => {
  try {
    return dlopen("libc.so.6", {
      setsockopt: { args: ["i32", "i32", "i32", "buffer", "u32"], returns: "i32" },
      getsockopt: { args: ["i32", "i32", "i32", "buffer", "buffer"], returns: "i32" },
    });
  } catch {
    return { symbols: null };
  }
})();

/** -1: none of the kernel's, or closed. */
const descriptorOf = (socket: object): number => (socket as { fd?: number }).fd ?? -1;

const value = new Int32Array(1);

const setOption = (socket: object, level: number, name: number, bytes: number): void => {
  const descriptor = descriptorOf(socket);
  if (library === null || descriptor < 0) return;
  value[0] = bytes;
  library.setsockopt(descriptor, level, name, value, value.byteLength);
};

/** @param socket a listener, or a connection */
export const boundUnsent = (socket: object, { unsentBytes }: KernelBuffers): void =>
  setOption(socket, tcpLevel, notSentLowWater, unsentBytes);

export const boundUnread = (socket: object, { unreadBytes }: KernelBuffers): void =>
  setOption(socket, socketLevel, receiveBuffer, unreadBytes);

const info = new BigUint64Array(ackedAt + 1);
const infoBytes = new Uint32Array(1);

/** How much the other side has taken since the connection began; null when that is not known. */
export const takenBytes = (socket: object): bigint | null => {
  const descriptor = descriptorOf(socket);
  if (library === null || descriptor < 0) return null;
  infoBytes[0] = info.byteLength;
  if (library.getsockopt(descriptor, tcpLevel, tcpInfo, info, infoBytes) !== 0) return null;
  return infoBytes[0] < info.byteLength ? null : info[ackedAt]!;
};
