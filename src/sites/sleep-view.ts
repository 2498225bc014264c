import { isoOf } from "../domain/deployment-view.ts";
import type { SleepRecord, SleepView } from "../domain/sleep.ts";

export const awake: SleepView = { state: "awake", since: null, reason: null, memory: null };

/** @param currentReleaseId a sleep of another release is past */
export const sleepView = (record: SleepRecord | undefined, currentReleaseId: string | null): SleepView => {
  if (record === undefined || record.releaseId !== currentReleaseId) return awake;
  const { state, asleepSince, reason, memoryBeforeBytes, memoryAfterBytes } = record;
  return {
    state,
    since: isoOf(asleepSince),
    reason,
    memory:
      memoryBeforeBytes === null || memoryAfterBytes === null
        ? null
        : { beforeBytes: memoryBeforeBytes, afterBytes: memoryAfterBytes },
  };
};
