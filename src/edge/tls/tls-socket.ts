import type { TLSSocket } from "node:tls";
import type { ByteSocket } from "../byte-socket.ts";

/** How much one write hands over: what the peer does not take of it is kept by the runtime. */
const writeBytes = 64 * 1024;

/** Whoever reads and writes connections of one kind (visitors, or HTTP/2 sessions). */
export interface TlsUser<T> {
  data(owner: T, bytes: Uint8Array): void;
  /** Bytes are taken again. */
  drained(owner: T): void;
  /** The peer sends nothing more. */
  ended(owner: T): void;
  /** @param failed the connection broke */
  closed(owner: T, failed: boolean): void;
  /** One of these has thrown. */
  faulted(owner: T, error: unknown): void;
}

/** Where a connection finds its reader: functions of its own would cost each idle one a kilobyte and a half. */
const carried = Symbol("reader");
type Carrier = TLSSocket & { [carried]: TlsByteSocket<unknown> };

/**
 * A TLS connection as the state machines want it. The runtime keeps what the kernel did not take of a write, so
 * nothing more is taken until that is gone: memory is bounded, and a peer that reads nothing is noticed.
 */
export class TlsByteSocket<T> implements ByteSocket {
  private owner: T | null = null;
  private blocked = false;
  private taken: (() => void) | null = null;

  /**
   * @param remoteAddress the visitor's
   * @param ending called when only the connection's close is awaited
   */
  constructor(
    private readonly socket: TLSSocket,
    readonly remoteAddress: string,
    private readonly user: TlsUser<T>,
    private readonly ending: (socket: TLSSocket) => void,
  ) {}

  /** From now on what comes is the owner's. */
  attach(owner: T): void {
    const { socket } = this;
    this.owner = owner;
    (socket as Carrier)[carried] = this as TlsByteSocket<unknown>;
    socket.on("data", onData);
    socket.on("end", onEnd);
    socket.on("close", onClose);
  }

  tell(act: (user: TlsUser<T>, owner: T) => void): void {
    const owner = this.owner!;
    try {
      act(this.user, owner);
    } catch (error) {
      this.user.faulted(owner, error);
    }
  }

  /** Straight, since it is called for all bytes. */
  received(bytes: Uint8Array): void {
    try {
      this.user.data(this.owner!, bytes);
    } catch (error) {
      this.user.faulted(this.owner!, error);
    }
  }

  write(data: Uint8Array, offset = 0, length = data.length - offset): number {
    const { socket } = this;
    if (socket.destroyed || socket.writableEnded) return -1;
    if (this.blocked || length === 0) return 0;
    this.taken ??= () => {
      if (!this.blocked || socket.writableLength > 0) return;
      this.blocked = false;
      this.tell((user, owner) => user.drained(owner));
    };
    for (let at = 0; at < length;) {
      const size = Math.min(length - at, writeBytes);
      const whole = size === data.length;
      socket.write(whole ? data : data.subarray(offset + at, offset + at + size), this.taken);
      at += size;
      if (socket.writableLength > 0) {
        this.blocked = true;
        return at;
      }
    }
    return length;
  }

  get holding(): boolean {
    return this.socket.writableLength > 0;
  }

  get fd(): number {
    return (this.socket as TLSSocket & { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
  }

  shutdown(): void {
    if (!this.socket.writableEnded) this.socket.end();
  }

  end(): void {
    if (this.socket.destroyed) return;
    this.ending(this.socket);
    this.socket.destroySoon();
  }

  terminate(): void {
    this.socket.resetAndDestroy();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  setKeepAlive(enable: boolean, initialDelayMs: number): boolean {
    this.socket.setKeepAlive(enable, initialDelayMs);
    return true;
  }
}

function onData(this: TLSSocket, bytes: Uint8Array): void {
  (this as Carrier)[carried].received(bytes);
}

function onEnd(this: TLSSocket): void {
  (this as Carrier)[carried].tell((user, owner) => user.ended(owner));
}

function onClose(this: TLSSocket, failed: boolean): void {
  (this as Carrier)[carried].tell((user, owner) => user.closed(owner, failed));
}
