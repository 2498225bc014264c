const firstMs = 1000;
const capMs = 5 * 60_000;
/** A replica that stayed up this long starts with a clean sheet. */
export const forgivenAfterMs = 10 * 60_000;

/** Pause before the n-th restart in a row (n from 1): 1 s, 2 s, 4 s … 5 min. */
export const restartPauseMs = (restarts: number): number =>
  Math.min(capMs, firstMs * 2 ** Math.min(30, restarts - 1));
