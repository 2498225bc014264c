import { bucketEnd, bucketStart } from "../domain/time-bucket.ts";
import type { MeterBaseline, SamplerState } from "../domain/usage.ts";
import type { UsageDeps } from "./deps.ts";
import { monthTotals } from "./totals.ts";

const attempts = 3;

/**
 * Where the edge's counters stood when the month began: the sampler's baseline less what is recorded since. Both
 * grow together, so a figure once known holds for the month and for the life of the counters, and is kept.
 * @returns null before the first reading of the edge
 */
export const createMonthMeters = (deps: UsageDeps) => {
  let epoch: string | null = null;
  let monthMs = 0;
  let beganAt = new Map<string, number>();
  let seen = new Map<string, number>();

  const look = (): SamplerState | null => {
    const state = deps.files.loadState();
    const startMs = bucketStart("month", deps.clock.nowMs());
    if (state === null || state.epoch !== epoch || startMs !== monthMs) {
      epoch = state?.epoch ?? null;
      monthMs = startMs;
      beganAt = new Map();
      seen = new Map();
    }
    return state;
  };

  return async (environmentIds: string[]) => {
    for (let attempt = 1; ; attempt++) {
      const state = look();
      if (state === null || state.epoch === null) return null;
      const now = new Map(environmentIds.map((id) => [id, bytesOf(state.meters.get(id))]));
      // A counter that shrank has begun anew.
      const unknown = environmentIds.filter((id) => !beganAt.has(id) || now.get(id)! < (seen.get(id) ?? 0));
      if (unknown.length > 0) {
        const totals = await monthTotals(deps, unknown);
        // A sample that came in between is in the totals and not in the baseline.
        if (look()?.sequence !== state.sequence && attempt < attempts) continue;
        for (const id of unknown) {
          const { bytesIn, bytesOut } = totals.get(id)!;
          beganAt.set(id, now.get(id)! - bytesIn - bytesOut);
        }
      }
      for (const [id, bytes] of now) seen.set(id, bytes);
      const usedBytes = new Map(environmentIds.map((id) => [id, now.get(id)! - beganAt.get(id)!]));
      return { epoch: state.epoch, endsAtMs: bucketEnd("month", monthMs), beganAt, usedBytes };
    }
  };
};

const bytesOf = (meter: MeterBaseline | undefined): number =>
  meter === undefined ? 0 : meter.bytesIn + meter.bytesOut;
