import type { MeterReading } from "../domain/edge.ts";
import type { ReplicaReading } from "../domain/engine.ts";
import type { MeterBaseline, ReplicaBaseline, SamplerState } from "../domain/usage.ts";
import {
  meterDelta,
  nextMeterBaseline,
  nextReplicaBaseline,
  type ReplicaDelta,
  replicaDelta,
} from "./deltas.ts";
import type { LiveEnvironment } from "./deps.ts";

/**
 * What each environment's counters gained, and the baselines to go on from. The very first reading of an
 * installation only becomes the baseline: what its counters hold already is not known to be new.
 */
export const countMeters = (
  environments: LiveEnvironment[],
  reading: MeterReading | null,
  state: SamplerState | null,
) => {
  const deltas = new Map<string, ReturnType<typeof meterDelta>>();
  if (reading === null) return { deltas, baselines: state?.meters ?? new Map<string, MeterBaseline>() };
  const isFirst = (state?.epoch ?? null) === null;
  const before = state?.epoch === reading.epoch ? state.meters : new Map<string, MeterBaseline>();
  const baselines = new Map<string, MeterBaseline>();
  const live = new Set(environments.map((environment) => environment.id));
  for (const [id, meter] of Object.entries(reading.meters)) {
    const base = before.get(id);
    // An environment that is not listed now keeps its baseline: should it come back, nothing counts twice.
    if (live.has(id)) {
      if (!isFirst) deltas.set(id, meterDelta(meter, base));
      baselines.set(id, nextMeterBaseline(meter, base));
    } else if (base) baselines.set(id, base);
  }
  return { deltas, baselines };
};

export interface Used extends Omit<ReplicaDelta, "continued" | "cpuNanos"> {
  memoryBytes: number;
  cpuNanos: number | null;
  /** `ranOn`: it ran through, or took over from a replica that ran at the reading before. */
  running: { id: string; ranOn: boolean }[];
}

const none: ReplicaDelta = {
  cpuNanos: 0,
  throttledNanos: 0,
  oomKills: 0,
  memoryLimitHits: 0,
  memoryStallMicros: null,
  continued: false,
};

/** The same for CPU, throttling and OOM kills of replicas; CPU is null at the very first reading. */
export const countReplicas = (
  environments: LiveEnvironment[],
  readings: ReplicaReading[] | null,
  state: SamplerState | null,
) => {
  const used = new Map<string, Used>();
  const before = state?.replicas ?? new Map<string, ReplicaBaseline>();
  if (readings === null) return { used, baselines: before };
  const oneOffs = new Map(environments.flatMap((env) => (env.oneOffs ? [[env.oneOffs, env.id]] : [])));
  const environmentOf = new Map([
    ...environments.flatMap((env) => env.replicas.map((r) => [r.id, env.id] as const)),
    ...oneOffs,
  ]);
  const isFirst = (state?.engineAtMs ?? null) === null;
  const ranBefore = new Set([...before].flatMap(([id, base]) => (oneOffs.has(id) ? [] : base.environmentId)));
  const baselines = new Map<string, ReplicaBaseline>();
  for (const id of environmentOf.keys()) if (before.has(id)) baselines.set(id, before.get(id)!);
  for (const reading of readings) {
    const base = before.get(reading.replicaId);
    const environmentId = environmentOf.get(reading.replicaId);
    if (environmentId === undefined) {
      if (base) baselines.set(reading.replicaId, base);
      continue;
    }
    baselines.set(reading.replicaId, nextReplicaBaseline(reading, environmentId));
    const delta = isFirst ? none : replicaDelta(reading, base);
    const sum = used.get(environmentId) ?? {
      memoryBytes: 0,
      cpuNanos: null,
      throttledNanos: 0,
      oomKills: 0,
      memoryLimitHits: 0,
      memoryStallMicros: null,
      running: [],
    };
    sum.memoryBytes += reading.memoryBytes;
    if (!isFirst) sum.cpuNanos = (sum.cpuNanos ?? 0) + delta.cpuNanos;
    sum.throttledNanos += delta.throttledNanos;
    sum.oomKills += delta.oomKills;
    sum.memoryLimitHits += delta.memoryLimitHits;
    if (delta.memoryStallMicros !== null)
      sum.memoryStallMicros = (sum.memoryStallMicros ?? 0) + delta.memoryStallMicros;
    const tookOver = base === undefined && ranBefore.has(environmentId);
    if (!oneOffs.has(reading.replicaId))
      sum.running.push({ id: reading.replicaId, ranOn: delta.continued || tookOver });
    used.set(environmentId, sum);
  }
  return { used, baselines };
};

/** How long an environment ran within the span: all of it, or since the start of the replica that runs longest. */
export const upSpan = (
  environment: LiveEnvironment,
  used: Used | undefined,
  spanMs: number,
  nowMs: number,
): number => {
  const startedAtMs = new Map(environment.replicas.map((replica) => [replica.id, replica.startedAtMs]));
  const beside = new Set(environment.replicas.flatMap(({ id, beside }) => (beside ? id : [])));
  const serving = (used?.running ?? []).filter(({ id }) => !beside.has(id));
  const spans = serving.map(({ id, ranOn }) => {
    const sinceMs = startedAtMs.get(id) ?? null;
    return ranOn || sinceMs === null ? spanMs : Math.min(spanMs, Math.max(0, nowMs - sinceMs));
  });
  return Math.max(0, ...spans);
};
