/**
 * What the state machines need of a connection. `Bun.listen` and `Bun.connect` sockets have this shape; a TLS
 * listener brings its own. Writes are not buffered: what was not taken is the caller's.
 */
export interface ByteSocket {
  /** @returns how many bytes were taken, -1 when the socket is closed */
  write(data: Uint8Array, offset?: number, length?: number): number;
  /** Sends FIN; reading goes on. */
  shutdown(): void;
  /** Closes after what was written. */
  end(): void;
  /** Closes at once, with a reset. */
  terminate(): void;
  pause(): void;
  resume(): void;
  setKeepAlive(enable: boolean, initialDelayMs: number): boolean;
  readonly remoteAddress: string;
}

/** The sending side of a connection: the socket and what it has not taken yet. */
export interface Outlet {
  socket: ByteSocket;
  /** In order; the first may be partly written already (then it is a shorter view). */
  pending: Uint8Array[];
  pendingBytes: number;
  /** The coarse clock's time at which the pending bytes last moved. */
  movedAtMs: number;
  /** A write found the socket closed. */
  broken: boolean;
}

/** A clock that is read without a system call; a sweep sets it some times a second. */
export interface CoarseClock {
  nowMs: number;
}

export const createOutlet = (socket: ByteSocket): Outlet => ({
  socket,
  pending: [],
  pendingBytes: 0,
  movedAtMs: 0,
  broken: false,
});

/** Sends `bytes[from, to)`, which nobody changes afterwards. @returns false when some of it is pending */
export const send = (
  outlet: Outlet,
  bytes: Uint8Array,
  from: number,
  to: number,
  clock: CoarseClock,
): boolean => {
  if (outlet.pendingBytes > 0) return keep(outlet, bytes.subarray(from, to));
  const written = outlet.socket.write(bytes, from, to - from);
  if (written === to - from) return true;
  if (written < 0) {
    outlet.broken = true;
    return true;
  }
  outlet.movedAtMs = clock.nowMs;
  return keep(outlet, bytes.subarray(from + written, to));
};

/** Like `send` for a buffer that is used again: what is not taken is copied. */
export const sendCopied = (
  outlet: Outlet,
  bytes: Uint8Array,
  from: number,
  to: number,
  clock: CoarseClock,
): boolean => {
  if (outlet.pendingBytes > 0) return keep(outlet, bytes.slice(from, to));
  const written = outlet.socket.write(bytes, from, to - from);
  if (written === to - from) return true;
  if (written < 0) {
    outlet.broken = true;
    return true;
  }
  outlet.movedAtMs = clock.nowMs;
  return keep(outlet, bytes.slice(from + written, to));
};

const keep = (outlet: Outlet, rest: Uint8Array): false => {
  outlet.pending.push(rest);
  outlet.pendingBytes += rest.length;
  return false;
};

/** Writes what is pending. @returns true when nothing is left */
export const flush = (outlet: Outlet, clock: CoarseClock): boolean => {
  while (outlet.pending.length > 0) {
    const first = outlet.pending[0]!;
    const written = outlet.socket.write(first, 0, first.length);
    if (written < 0) {
      outlet.broken = true;
      discard(outlet);
      return true;
    }
    if (written > 0) outlet.movedAtMs = clock.nowMs;
    outlet.pendingBytes -= written;
    if (written < first.length) {
      outlet.pending[0] = first.subarray(written);
      return false;
    }
    outlet.pending.shift();
  }
  return true;
};

/** Forgets what is pending: the other side is gone. */
export const discard = (outlet: Outlet): void => {
  outlet.pending = [];
  outlet.pendingBytes = 0;
};
