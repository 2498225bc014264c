import type { Clock } from "../domain/clock.ts";

export interface FakeClock extends Clock {
  /** Moves both clocks on. */
  advance(ms: number): void;
}

/** A clock that stands still until told otherwise; it starts at 2026-01-01T00:00:00Z. */
export const fakeClock = (): FakeClock => {
  let elapsedMs = 0;
  const startMs = Date.UTC(2026, 0, 1);
  return {
    nowMs: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    advance: (ms) => {
      elapsedMs += ms;
    },
  };
};
