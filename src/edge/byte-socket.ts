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
  /** Its descriptor, -1 once it is closed. Absent: it is none of the kernel's. */
  readonly fd?: number;
  /** It is a stream of HTTP/2. Absent: a connection of HTTP/1. */
  readonly http2?: boolean;
  /** Bytes that were taken are still read from where they lie. Absent: never. */
  readonly holding?: boolean;
}

/** The sending side of a connection: the socket and what it has not taken yet. */
export interface Outlet {
  socket: ByteSocket;
  /** In order; the first may be partly written already (then it is a shorter view). */
  pending: Uint8Array[];
  pendingBytes: number;
  /** The coarse clock's time at which the pending bytes last moved. */
  movedAtMs: number;
  /** Since when something has been pending without a break. */
  pendingSinceMs: number;
  /** What the other side had taken in all when it was last looked at, of what has not moved since. */
  seen: { movedAtMs: number; takenBytes: bigint | null } | null;
  /** A write found the socket closed. */
  broken: boolean;
  /** A received buffer whose memory goes once nothing is pending any more. */
  spent: Uint8Array | null;
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
  pendingSinceMs: 0,
  seen: null,
  broken: false,
  spent: null,
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
  outlet.pendingSinceMs = clock.nowMs;
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
  outlet.pendingSinceMs = clock.nowMs;
  return keep(outlet, bytes.slice(from + written, to));
};

/**
 * Like `send` for what a socket has received, and nobody looks at afterwards. A large buffer's memory is given back
 * as soon as its bytes are out: left to the collector, those of one download pile up to 50 MB.
 */
export const passOn = (
  outlet: Outlet,
  bytes: Uint8Array,
  from: number,
  to: number,
  clock: CoarseClock,
): boolean => {
  const through = send(outlet, bytes, from, to, clock);
  if (to !== bytes.length || !isSpendable(bytes)) return through;
  if (through && outlet.socket.holding !== true) spend(bytes);
  else outlet.spent = bytes;
  return through;
};

/** Below this the collector is cheaper. */
const spendableBytes = 8 * 1024;

/** A buffer as a socket gives it, whole: nobody else has a view of its memory. */
const isSpendable = (bytes: Uint8Array): boolean =>
  bytes.length >= spendableBytes && bytes.byteOffset === 0 && bytes.buffer.byteLength === bytes.length;

/** Gives the memory of a large received buffer back; it is empty from then on. */
export const spend = (bytes: Uint8Array): void => {
  if (isSpendable(bytes)) (bytes.buffer as ArrayBuffer).transfer(0);
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
  if (outlet.spent !== null && outlet.socket.holding !== true) {
    spend(outlet.spent);
    outlet.spent = null;
  }
  return true;
};

/** Forgets what is pending: the other side is gone. */
export const discard = (outlet: Outlet): void => {
  outlet.pending = [];
  outlet.pendingBytes = 0;
  outlet.spent = null;
};
