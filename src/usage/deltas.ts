import type { RouteMeter } from "../domain/edge.ts";
import type { ReplicaReading } from "../domain/engine.ts";
import type { MeterBaseline, ReplicaBaseline } from "../domain/usage.ts";

const meterCounters = [
  "requests",
  "status4xx",
  "status5xx",
  "bytesIn",
  "bytesOut",
  "latencySumMs",
] as const satisfies (keyof MeterBaseline & keyof RouteMeter)[];

export type MeterDelta = Omit<MeterBaseline, "latency"> & { latency: number[] };

/**
 * What a route's counters gained. A counter below its baseline has begun anew, and then all of them have.
 * @param base undefined counts from zero
 */
export const meterDelta = (now: RouteMeter, base: MeterBaseline | undefined): MeterDelta => {
  const begunAnew = base !== undefined && meterCounters.some((name) => now[name] < base[name]);
  const from = begunAnew ? undefined : base;
  const gained = (name: (typeof meterCounters)[number]): number => now[name] - (from?.[name] ?? 0);
  return {
    requests: gained("requests"),
    status4xx: gained("status4xx"),
    status5xx: gained("status5xx"),
    bytesIn: gained("bytesIn"),
    bytesOut: gained("bytesOut"),
    latencySumMs: gained("latencySumMs"),
    latency: now.latency.map((count, i) => Math.max(0, count - (from?.latency[i] ?? 0))),
  };
};

/** The baseline for the next delta; the same object when nothing was counted since. */
export const nextMeterBaseline = (now: RouteMeter, base: MeterBaseline | undefined): MeterBaseline => {
  if (base && meterCounters.every((name) => now[name] === base[name])) return base;
  return {
    requests: now.requests,
    status4xx: now.status4xx,
    status5xx: now.status5xx,
    bytesIn: now.bytesIn,
    bytesOut: now.bytesOut,
    latencySumMs: now.latencySumMs,
    latency: now.latency,
  };
};

export interface ReplicaDelta {
  cpuNanos: number;
  throttledNanos: number;
  oomKills: number;
  memoryLimitHits: number;
  memoryStallMicros: number | null;
  /** False when the container started anew since the baseline: its counters then count from zero. */
  continued: boolean;
}

export const nextReplicaBaseline = (reading: ReplicaReading, environmentId: string): ReplicaBaseline => ({
  environmentId,
  cpuNanos: reading.cpuNanos,
  throttledNanos: reading.throttledNanos ?? 0,
  oomKills: reading.oomKills ?? 0,
  memoryLimitHits: reading.memoryLimitHits ?? 0,
  memoryStallMicros: reading.memoryStallMicros ?? 0,
});

/**
 * What a replica used since its baseline. A restart is seen by a counter that shrank; one that used more CPU
 * since its restart than ever before within a tick goes unnoticed, which loses less than that tick's CPU time.
 */
export const replicaDelta = (reading: ReplicaReading, base: ReplicaBaseline | undefined): ReplicaDelta => {
  const now = nextReplicaBaseline(reading, base?.environmentId ?? "");
  const continued = base !== undefined && replicaCounters.every((name) => now[name] >= base[name]);
  const gained = (name: (typeof replicaCounters)[number]): number => now[name] - (continued ? base[name] : 0);
  return {
    cpuNanos: gained("cpuNanos"),
    throttledNanos: gained("throttledNanos"),
    oomKills: gained("oomKills"),
    memoryLimitHits: gained("memoryLimitHits"),
    memoryStallMicros: reading.memoryStallMicros === null ? null : gained("memoryStallMicros"),
    continued,
  };
};

const replicaCounters = [
  "cpuNanos",
  "throttledNanos",
  "oomKills",
  "memoryLimitHits",
  "memoryStallMicros",
] as const;
