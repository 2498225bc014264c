import type { Database } from "bun:sqlite";
import { decodeLatency, encodeLatency } from "../domain/latency-histogram.ts";
import type { MeterBaseline, ReplicaBaseline, SamplerState } from "../domain/usage.ts";

export interface StoredState extends SamplerState {
  /** Since when samples may lie in buckets that were rolled up before: the clock went back. */
  lateFromMs: number | null;
}

/** The sampler's state in a month's file; null when the file has none. */
export const readSamplerState = (raw: Database): StoredState | null => {
  const row = raw
    .query<Omit<StoredState, "meters" | "replicas">, []>(
      `SELECT sequence, at AS atMs, epoch, engine_at AS engineAtMs, late_from AS lateFromMs FROM sampler_state`,
    )
    .get();
  if (!row) return null;
  const meters = raw
    .query<Omit<MeterBaseline, "latency"> & { environment: string; latency: Uint8Array }, []>(
      `SELECT environment, requests, status4xx, status5xx, bytes_in AS bytesIn, bytes_out AS bytesOut,
        latency_sum_ms AS latencySumMs, latency FROM meter_baselines`,
    )
    .all();
  const replicas = raw
    .query<ReplicaBaseline & { replica: string }, []>(
      `SELECT replica, environment AS environmentId, cpu_nanos AS cpuNanos, throttled_nanos AS throttledNanos,
        oom_kills AS oomKills, memory_limit_hits AS memoryLimitHits, memory_stall_micros AS memoryStallMicros
        FROM replica_baselines`,
    )
    .all();
  return {
    ...row,
    meters: new Map(
      meters.map(({ environment, latency, ...counters }) => [
        environment,
        { ...counters, latency: decodeLatency(latency) },
      ]),
    ),
    replicas: new Map(replicas.map(({ replica, ...baseline }) => [replica, baseline])),
  };
};

/**
 * Writes what differs from `before`, the state that the file holds; null writes all anew. Entries are compared
 * by identity, as `SamplerState` allows. To be called inside a transaction.
 */
export const writeSamplerState = (raw: Database, state: StoredState, before: SamplerState | null): void => {
  raw
    .query("INSERT OR REPLACE INTO sampler_state VALUES (1, ?, ?, ?, ?, ?)")
    .run(state.sequence, state.atMs, state.epoch, state.engineAtMs, state.lateFromMs);
  if (before === null) raw.run("DELETE FROM meter_baselines; DELETE FROM replica_baselines");

  const putMeter = raw.query("INSERT OR REPLACE INTO meter_baselines VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  for (const [id, one] of state.meters)
    if (before?.meters.get(id) !== one)
      putMeter.run(
        id,
        one.requests,
        one.status4xx,
        one.status5xx,
        one.bytesIn,
        one.bytesOut,
        one.latencySumMs,
        encodeLatency(one.latency),
      );
  const putReplica = raw.query("INSERT OR REPLACE INTO replica_baselines VALUES (?, ?, ?, ?, ?, ?, ?)");
  for (const [id, one] of state.replicas)
    if (before?.replicas.get(id) !== one)
      putReplica.run(
        id,
        one.environmentId,
        one.cpuNanos,
        one.throttledNanos,
        one.oomKills,
        one.memoryLimitHits,
        one.memoryStallMicros,
      );

  const dropMeter = raw.query("DELETE FROM meter_baselines WHERE environment = ?");
  for (const id of before?.meters.keys() ?? []) if (!state.meters.has(id)) dropMeter.run(id);
  const dropReplica = raw.query("DELETE FROM replica_baselines WHERE replica = ?");
  for (const id of before?.replicas.keys() ?? []) if (!state.replicas.has(id)) dropReplica.run(id);
};
