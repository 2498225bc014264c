import type { MeterReading } from "../../domain/edge.ts";
import type { ActivityRecord } from "../../domain/sleep.ts";
import type { SupervisorDeps } from "../deps.ts";

/** When environments were last asked something, by the edge's counters: on the monotonic clock, and over restarts. */
export interface Activity {
  load(): Promise<void>;
  /** Takes in what the edge has counted of an environment. `life`: what else makes it active by changing. */
  see(environmentId: string, reading: MeterReading, life: string): void;
  /** It is active now. */
  touch(environmentId: string): void;
  idleMs(environmentId: string): number;
  /** Wall time; null while nothing is known. */
  lastActiveAt(environmentId: string): number | null;
  /** Forgets all others, and writes down what is new, once a minute at most. */
  keep(environmentIds: ReadonlySet<string>): Promise<void>;
}

interface Seen {
  /** Monotonic. */
  activeAtMs: number;
  counters: string;
  /** As written down. */
  stored: string | null;
}

const writeEveryMs = 60_000;

export const createActivity = (deps: Pick<SupervisorDeps, "store" | "clock">): Activity => {
  const { clock, store } = deps;
  const seen = new Map<string, Seen>();
  let writtenAtMs = Number.NEGATIVE_INFINITY;
  let loaded: Promise<void> | null = null;

  const load = async (): Promise<void> => {
    const idleSince = clock.monotonicMs() - clock.nowMs();
    for (const { environmentId, lastActiveAt, counters } of await store.allActivities())
      // A clock that was set back since makes nobody active in the future.
      seen.set(environmentId, {
        activeAtMs: Math.min(clock.monotonicMs(), lastActiveAt + idleSince),
        counters,
        stored: counters,
      });
  };
  const wallOf = ({ activeAtMs }: Seen): number =>
    Math.round(clock.nowMs() - (clock.monotonicMs() - activeAtMs));

  return {
    load: () => (loaded ??= load()),
    see(environmentId, { epoch, meters }, life) {
      const meter = meters[environmentId];
      const counters = `${life} ${epoch} ${meter?.requests ?? 0} ${(meter?.bytesIn ?? 0) + (meter?.bytesOut ?? 0)}`;
      const before = seen.get(environmentId);
      // Open connections count as long as they are open.
      if (before?.counters === counters && (meter?.active ?? 0) === 0) return;
      seen.set(environmentId, { activeAtMs: clock.monotonicMs(), counters, stored: before?.stored ?? null });
    },
    touch(environmentId) {
      const before = seen.get(environmentId);
      seen.set(environmentId, {
        activeAtMs: clock.monotonicMs(),
        counters: before?.counters ?? "",
        stored: null,
      });
    },
    idleMs(environmentId) {
      const one = seen.get(environmentId);
      return one === undefined ? 0 : Math.max(0, clock.monotonicMs() - one.activeAtMs);
    },
    lastActiveAt(environmentId) {
      const one = seen.get(environmentId);
      return one === undefined ? null : wallOf(one);
    },
    async keep(environmentIds) {
      for (const id of seen.keys()) if (!environmentIds.has(id)) seen.delete(id);
      if (clock.monotonicMs() - writtenAtMs < writeEveryMs) return;
      const changed: ActivityRecord[] = [];
      for (const [environmentId, one] of seen)
        if (one.stored !== one.counters)
          changed.push({ environmentId, lastActiveAt: wallOf(one), counters: one.counters });
      if (changed.length > 0) await store.putActivities(changed);
      for (const { environmentId, counters } of changed) {
        const one = seen.get(environmentId);
        if (one) one.stored = counters;
      }
      writtenAtMs = clock.monotonicMs();
    },
  };
};
