import { abandonExchange } from "./exchange-end.ts";
import { type Outlet, spend } from "./byte-socket.ts";
import { slacken } from "./pace.ts";
import type { Edge, Exchange, Visitor } from "./state.ts";
import { closeVisitor } from "./visitor-end.ts";

/**
 * What one connection keeps is bounded by one read of its other side, half a mebibyte; this bounds all of them
 * together, so that thousands of slow readers cannot fill the machine's memory.
 */
export const mostPendingBytes = 256 * 1024 * 1024;

/** Towards the upstream; there is none before the connection is open. */
const sendingOf = (exchange: Exchange | null): Outlet | undefined => exchange?.upstream?.out ?? undefined;

/** Below this a buffer is not worth a copy. */
const smallBytes = 32 * 1024;

/** What bytes keep in memory: a rest keeps all of the buffer that it is a part of, if that is not a shared pool. */
const keptBy = (bytes: Uint8Array): number =>
  Math.max(bytes.length, bytes.buffer.byteLength > 8_192 ? bytes.buffer.byteLength : 0);

const keptIn = ({ pending }: Outlet): number => {
  let bytes = 0;
  for (const part of pending) bytes += keptBy(part);
  return bytes;
};

const isSmallRest = (bytes: Uint8Array): boolean =>
  bytes.buffer.byteLength >= Math.max(smallBytes, 2 * bytes.length);

const mostCopiedBytes = 1024 * 1024;

/** What one look at all visitors has counted, and how much it may still copy: hundreds of megabytes would take long. */
export interface PendingCount {
  bytes: number;
  copyLeftBytes: number;
}

export const createPendingCount = (): PendingCount => ({ bytes: 0, copyLeftBytes: mostCopiedBytes });

/**
 * Copies rests out of buffers more than twice their size, once a reader has turned out to be slow. By a constructor,
 * since `slice` of a Buffer is a view.
 */
const trim = (outlet: Outlet, count: PendingCount): void => {
  const { pending, socket } = outlet;
  // Below TLS a part of the same buffer is on its way still.
  if (socket.holding === true) return;
  for (let i = 0; i < pending.length; i++) {
    const rest = pending[i]!;
    if (!isSmallRest(rest)) continue;
    if (count.copyLeftBytes < rest.length) return;
    count.copyLeftBytes -= rest.length;
    pending[i] = new Uint8Array(rest);
    if (outlet.spent?.buffer !== rest.buffer) continue;
    // Otherwise left to the collector, since another rest may be of the same buffer.
    if (pending.length === 1) spend(outlet.spent);
    outlet.spent = null;
  }
};

const slowMs = 1_000;

/** Bytes that the edge keeps for a visitor: what it sent ahead, and what somebody is to take. */
const keptFor = (visitor: Visitor, nowMs: number, count: PendingCount): number => {
  const { out, exchange } = visitor;
  if (visitor.held !== null && isSmallRest(visitor.held)) visitor.held = new Uint8Array(visitor.held);
  let bytes = visitor.held === null ? 0 : keptBy(visitor.held);
  const sending = sendingOf(exchange);
  if (out.pendingBytes > 0) {
    if (nowMs - out.pendingSinceMs > slowMs) {
      if (exchange !== null) slacken(exchange);
      trim(out, count);
    }
    bytes += keptIn(out);
  }
  if (sending !== undefined && sending.pendingBytes > 0) {
    if (nowMs - sending.pendingSinceMs > slowMs) trim(sending, count);
    bytes += keptIn(sending);
  }
  return bytes;
};

/** Since when something has waited without a break. Whoever reads at a usual pace takes all of it now and then. */
const pendingSince = ({ out, exchange, held }: Visitor): number => {
  const sending = sendingOf(exchange);
  return Math.min(
    out.pendingBytes > 0 ? out.pendingSinceMs : Number.POSITIVE_INFINITY,
    sending !== undefined && sending.pendingBytes > 0 ? sending.pendingSinceMs : Number.POSITIVE_INFINITY,
    held !== null && held.length > smallBytes && exchange !== null
      ? exchange.startedAtMs
      : Number.POSITIVE_INFINITY,
  );
};

/** Adds what is kept for a visitor, and keeps less of it where that can be had cheaply. */
export const countPending = (count: PendingCount, visitor: Visitor, nowMs: number): void => {
  count.bytes += keptFor(visitor, nowMs, count);
};

/** Above the bound, those go who have kept the edge waiting for longest. @returns how many went */
export const shedPending = (edge: Edge, count: PendingCount, mostBytes = mostPendingBytes): number => {
  if (count.bytes <= mostBytes) return 0;
  const { nowMs } = edge.clock;
  const slow = [...edge.visitors].filter((visitor) => pendingSince(visitor) < Number.POSITIVE_INFINITY);
  slow.sort((a, b) => pendingSince(a) - pendingSince(b));
  let gone = 0;
  for (const visitor of slow) {
    if (count.bytes <= mostBytes) break;
    count.bytes -= keptFor(visitor, nowMs, count);
    if (visitor.exchange !== null) abandonExchange(visitor.exchange);
    closeVisitor(visitor, true);
    gone++;
  }
  edge.log.warn("too much waits for slow visitors: the slowest were cut", {
    cut: gone,
    keptBytes: count.bytes,
  });
  return gone;
};
