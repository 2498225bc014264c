import type { SleepRecord } from "../../domain/sleep.ts";
import type { SupervisorDeps } from "../deps.ts";

/**
 * Who is asleep, as the table says it, and whose turn it is: falling asleep and waking up of one environment never
 * overlap.
 */
export interface SleepBook {
  load(): Promise<void>;
  get(environmentId: string): SleepRecord | undefined;
  all(): SleepRecord[];
  /** To be called after the row was written. */
  note(record: SleepRecord): void;
  /** To be called after the row was deleted. */
  forget(environmentId: string): void;
  isBusy(environmentId: string): boolean;
  /** Waits for its turn. @returns what ends the turn */
  enter(environmentId: string): Promise<() => void>;
  /** Whether somebody has, or had since then, a turn: what was read of it before may be past. */
  touchedSince(environmentId: string, monotonicMs: number): boolean;
}

export const createSleepBook = (deps: Pick<SupervisorDeps, "store" | "clock">): SleepBook => {
  const records = new Map<string, SleepRecord>();
  const turns = new Map<string, Promise<void>>();
  const endedAtMs = new Map<string, number>();
  let loaded: Promise<void> | null = null;
  const load = async (): Promise<void> => {
    for (const record of await deps.store.allSleeps()) records.set(record.environmentId, record);
  };
  return {
    load: () => (loaded ??= load()),
    get: (id) => records.get(id),
    all: () => [...records.values()],
    note: (record) => void records.set(record.environmentId, record),
    forget: (id) => void records.delete(id),
    isBusy: (id) => turns.has(id),
    async enter(id) {
      const before = turns.get(id);
      const { promise, resolve } = Promise.withResolvers<void>();
      const mine = before === undefined ? promise : before.then(() => promise);
      turns.set(id, mine);
      await before;
      return () => {
        endedAtMs.set(id, deps.clock.monotonicMs());
        if (turns.get(id) === mine) turns.delete(id);
        resolve();
      };
    },
    touchedSince: (id, ms) => turns.has(id) || (endedAtMs.get(id) ?? Number.NEGATIVE_INFINITY) >= ms,
  };
};
