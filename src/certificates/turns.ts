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

/** New names could keep renewals off for ever, so what ends soon goes first; other renewals can wait. */
const rankOf = ({ chain, notBefore, notAfter }: AutomaticRow, nowMs: number): number =>
  chain === null ? 1 : notAfter! - nowMs < (notAfter! - notBefore!) / 6 ? 0 : 2;

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
          (a, b) =>
            rankOf(a, nowMs) - rankOf(b, nowMs) ||
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
