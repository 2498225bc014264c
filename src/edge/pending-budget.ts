import { abandonExchange } from "./exchange-end.ts";
import type { Outlet } from "./byte-socket.ts";
import type { Edge, Exchange, Visitor } from "./state.ts";
import { closeVisitor } from "./visitor-end.ts";

/**
 * What one connection keeps is bounded by one read of its other side, half a mebibyte; this bounds all of them
 * together, so that thousands of slow readers cannot fill the machine's memory.
 */
export const mostPendingBytes = 256 * 1024 * 1024;

/** Towards the upstream; there is none before the connection is open. */
const sendingOf = (exchange: Exchange | null): Outlet | undefined => exchange?.upstream?.out ?? undefined;

/** Bytes that wait in the edge for somebody to take them. */
const pendingOf = ({ out, exchange, held }: Visitor): number =>
  out.pendingBytes + (sendingOf(exchange)?.pendingBytes ?? 0) + (held?.length ?? 0);

/** Since when something has waited without a break. Whoever reads at a usual pace takes all of it now and then. */
const pendingSince = ({ out, exchange }: Visitor): number => {
  const sending = sendingOf(exchange);
  return Math.min(
    out.pendingBytes > 0 ? out.pendingSinceMs : Number.POSITIVE_INFINITY,
    sending !== undefined && sending.pendingBytes > 0 ? sending.pendingSinceMs : Number.POSITIVE_INFINITY,
  );
};

/** Above the bound, those go who have kept the edge waiting for longest. @returns how many went */
export const shedPending = (edge: Edge, mostBytes = mostPendingBytes): number => {
  let bytes = 0;
  for (const visitor of edge.visitors) bytes += pendingOf(visitor);
  if (bytes <= mostBytes) return 0;
  const slow = [...edge.visitors].filter((visitor) => pendingSince(visitor) < Number.POSITIVE_INFINITY);
  slow.sort((a, b) => pendingSince(a) - pendingSince(b));
  let gone = 0;
  for (const visitor of slow) {
    if (bytes <= mostBytes) break;
    bytes -= pendingOf(visitor);
    if (visitor.exchange !== null) abandonExchange(visitor.exchange);
    closeVisitor(visitor, true);
    gone++;
  }
  edge.log.warn("too much waits for slow visitors: the slowest were cut", { cut: gone, pendingBytes: bytes });
  return gone;
};
