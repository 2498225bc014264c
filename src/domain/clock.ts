/** Time as a dependency. `nowMs` is wall time (UTC milliseconds); `monotonicMs` never jumps and measures spans. */
export interface Clock {
  nowMs(): number;
  monotonicMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
