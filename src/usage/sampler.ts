import { encodeLatency } from "../domain/latency-histogram.ts";
import type { SamplerState, UsageSample } from "../domain/usage.ts";
import { countMeters, countReplicas, upSpan } from "./counts.ts";
import type { SamplerDeps } from "./deps.ts";
import { createOomCount } from "./oom-count.ts";

export interface Sampler {
  /**
   * One tick: reads engine and edge, records one row per environment that runs, serves or was asked something.
   * What could not be read is null or zero and is made up for by the next tick that can. When the row cannot be
   * written the tick throws, and again nothing is lost: counters are cumulative and the baseline stays.
   * @returns the number of rows
   */
  sampleOnce(): Promise<number>;
}

const within = async <T>(work: Promise<T>, deadlineMs: number, what: string): Promise<T> => {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not answer within ${deadlineMs} ms`)), deadlineMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
};

export const createSampler = (deps: SamplerDeps): Sampler => {
  const { clock, log, deadlineMs = 10_000 } = deps;
  let state = deps.files.loadState();
  // Monotonic times of this process; the state's wall times serve only for the first span after a start.
  let tickedAtMs: number | null = null;
  let engineReadAtMs: number | null = null;
  const oom = createOomCount();
  const away = new Set<string>();

  const known = async <T>(what: string, work: () => Promise<T>): Promise<T | null> => {
    try {
      const value = await within(work(), deadlineMs, what);
      if (away.delete(what)) log.info(`usage: ${what} answers again`);
      return value;
    } catch (error) {
      if (!away.has(what))
        log.warn(`usage: ${what} could not be read; its figures will be made up for`, { error });
      away.add(what);
      return null;
    }
  };

  return {
    async sampleOnce() {
      const environments = await deps.environments();
      const [readings, meters] = await Promise.all([
        known("engine", deps.readings),
        known("edge", deps.meters),
      ]);
      const nowMs = clock.nowMs();
      const monotonicMs = clock.monotonicMs();
      const span = (sinceMs: number | null, wallMs: number | null): number => {
        if (sinceMs !== null) return monotonicMs - sinceMs;
        return wallMs === null ? 0 : Math.max(0, nowMs - wallMs);
      };
      const tickSpanMs = span(tickedAtMs, state?.atMs ?? null);
      const engineSpanMs = state?.engineAtMs == null ? tickSpanMs : span(engineReadAtMs, state.engineAtMs);

      const edge = countMeters(environments, meters, state);
      const engine = countReplicas(environments, readings, state);
      const samples: Omit<UsageSample, "atMs">[] = [];
      for (const environment of environments) {
        const delta = edge.deltas.get(environment.id);
        const used = engine.used.get(environment.id);
        const isStatic = environment.kind === "static";
        const mayRun = used !== undefined || (readings === null && environment.replicas.length > 0);
        const wasAsked = delta !== undefined && (delta.requests > 0 || delta.bytesIn + delta.bytesOut > 0);
        // Commands and jobs run in containers of their own and wake nobody.
        const sleeps = environment.asleep === true && (used?.running.length ?? 0) === 0;
        const serves = (isStatic || sleeps) && !environment.stopped;
        if (!serves && !mayRun && !wasAsked) continue;
        const servedMs = serves && meters !== null ? tickSpanMs : 0;
        const upMs = isStatic || sleeps ? servedMs : upSpan(environment, used, engineSpanMs, nowMs);
        samples.push({
          environmentId: environment.id,
          memoryBytes: used?.memoryBytes ?? (sleeps ? 0 : null),
          cpuNanos: used?.cpuNanos ?? (sleeps ? 0 : null),
          throttledNanos: used?.throttledNanos ?? 0,
          oomKills: Math.max(used?.oomKills ?? 0, oom.gained(environment)),
          memoryLimitHits: used?.memoryLimitHits ?? 0,
          memoryStallMicros: used?.memoryStallMicros ?? null,
          diskBytes: environment.diskUsedBytes,
          bytesIn: delta?.bytesIn ?? 0,
          bytesOut: delta?.bytesOut ?? 0,
          requests: delta?.requests ?? 0,
          clientErrors: delta?.status4xx ?? 0,
          errors: delta?.status5xx ?? 0,
          active: meters?.meters[environment.id]?.active ?? 0,
          latencySumMs: delta?.latencySumMs ?? 0,
          latency: encodeLatency(delta?.latency ?? []),
          upMs: Math.round(upMs),
        });
      }

      const next: SamplerState = {
        sequence: (state?.sequence ?? 0) + 1,
        atMs: nowMs,
        epoch: meters?.epoch ?? state?.epoch ?? null,
        engineAtMs: readings === null ? (state?.engineAtMs ?? null) : nowMs,
        meters: edge.baselines,
        replicas: engine.baselines,
      };
      const atMs = deps.files.record(samples, next);
      state = { ...next, atMs };
      tickedAtMs = monotonicMs;
      oom.counted(
        environments.filter(({ id }) => samples.some((one) => one.environmentId === id)),
        nowMs,
      );
      if (readings !== null) engineReadAtMs = monotonicMs;
      return samples.length;
    },
  };
};
