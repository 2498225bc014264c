import type { AutomaticRow } from "./automatic-rows.ts";

/** Let's Encrypt takes 300 orders in three hours from an account; some are left for what is urgent by hand. */
const mostOrders = 250;
const orderWindowMs = 3 * 3_600_000;

/** Who is next, so that one owner with many names that fail holds nobody else up, and how many there may be. */
export interface Turns {
  /** The row to look after now; null when none is due. */
  next(
    rows: readonly AutomaticRow[],
    ownerOf: (name: string) => string | null,
    nowMs: number,
  ): AutomaticRow | null;
  /** An order was made for it, or only a try. */
  taken(owner: string | null, ordered: boolean, nowMs: number): void;
  /** Until then (wall time) nothing more may be ordered; 0 when there is room. */
  fullUntilMs(nowMs: number): number;
}

export const createTurns = (): Turns => {
  const lastTurn = new Map<string | null, number>();
  let orders: number[] = [];
  let turn = 0;
  return {
    next: (rows, ownerOf, nowMs) => {
      const turnOf = (row: AutomaticRow): number => lastTurn.get(ownerOf(row.name)) ?? 0;
      const [first] = rows
        .filter((row) => (row.nextAttemptAt ?? 0) <= nowMs)
        .toSorted(
          // Names without a certificate go before renewals.
          (a, b) =>
            Number(a.chain !== null) - Number(b.chain !== null) ||
            turnOf(a) - turnOf(b) ||
            (a.nextAttemptAt ?? 0) - (b.nextAttemptAt ?? 0),
        );
      return first ?? null;
    },
    taken: (owner, ordered, nowMs) => {
      lastTurn.set(owner, ++turn);
      if (ordered) orders.push(nowMs);
    },
    fullUntilMs: (nowMs) => {
      orders = orders.filter((atMs) => atMs > nowMs - orderWindowMs);
      return orders.length < mostOrders ? 0 : orders[orders.length - mostOrders]! + orderWindowMs;
    },
  };
};
