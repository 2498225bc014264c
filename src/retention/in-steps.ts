import type { Clock } from "../domain/clock.ts";

const leastRows = 10;
const mostRows = 500;
/** Far below the 20 ms that nobody may be kept waiting for. */
const aimMs = 4;

/**
 * Deletes step by step until nothing is left, with a pause after each that lets others write: as many rows in each as
 * took about 4 ms so far.
 * @param step deletes so many rows at most, and says how many it were
 * @returns how many went
 */
export const inSteps = async (
  step: (limit: number) => Promise<number>,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<number> => {
  let limit = 50;
  for (let total = 0; ;) {
    if (signal.aborted) return total;
    const startedMs = clock.monotonicMs();
    const rows = await step(limit);
    const tookMs = clock.monotonicMs() - startedMs;
    total += rows;
    if (rows < limit) return total;
    if (tookMs > aimMs) limit = Math.max(leastRows, Math.floor(limit / 2));
    else if (tookMs < aimMs / 2) limit = Math.min(mostRows, limit * 2);
    await Bun.sleep(Math.max(5, tookMs));
  }
};
