import type { Clock } from "../domain/clock.ts";
import type { ReplicaReading } from "../domain/engine.ts";
import type { ReplicaFigures } from "../domain/process-view.ts";

/** What each replica used at the last sample: kept as the sampler reads, so that looking costs nothing. */
export const createReplicaFigures = (readings: () => Promise<ReplicaReading[]>, clock: Clock) => {
  let atMs = 0;
  let cpuNanos = new Map<string, number>();
  let figures = new Map<string, ReplicaFigures>();
  return {
    /** In place of the engine's own. */
    readings: async (): Promise<ReplicaReading[]> => {
      const all = await readings();
      const nowMs = clock.monotonicMs();
      const spanNanos = (nowMs - atMs) * 1e6;
      figures = new Map(
        all.map(({ replicaId, memoryBytes, cpuNanos: now }) => {
          const before = cpuNanos.get(replicaId);
          const cpuPercent =
            before === undefined || spanNanos <= 0 ? null : Math.max(0, ((now - before) / spanNanos) * 100);
          return [replicaId, { memoryBytes, cpuPercent }];
        }),
      );
      cpuNanos = new Map(all.map((one) => [one.replicaId, one.cpuNanos]));
      atMs = nowMs;
      return all;
    },
    of: (replicaId: string): ReplicaFigures | null => figures.get(replicaId) ?? null,
  };
};
