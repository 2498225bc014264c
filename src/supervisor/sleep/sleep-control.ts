import type { ReplicaState } from "../../domain/engine.ts";
import type { ReplicaRecord } from "../../domain/records.ts";
import type { Sleeper, SleepHow } from "../../domain/sleep.ts";
import type { LiveEnvironment } from "../deps.ts";
import { createActivity } from "./activity.ts";
import { publishMs, type SleepContext } from "./context.ts";
import { fallAsleep } from "./fall-asleep.ts";
import { followSleeper } from "./follow-sleeper.ts";
import { idlePass, sleepIdle } from "./idle-pass.ts";
import { keptAwake, readHouse } from "./may-sleep.ts";
import { createStartGate } from "./start-gate.ts";
import { createSleepBook } from "./sleep-book.ts";
import { wakeUp } from "./wake-up.ts";

/** Sleep and wake of environments. Who calls is told by `why`, which ends a sentence. */
export interface SleepControl {
  /** Runs until the signal. */
  start(signal: AbortSignal): void;
  /** @returns true when it sleeps now, in that way or more deeply; false when it has to stay awake */
  sleep(environmentId: string, how: SleepHow, why: string): Promise<boolean>;
  /** The same for who wants to know. @returns why it stays awake; null when it sleeps */
  putToSleep(environmentId: string, how: SleepHow, why: string): Promise<string | null>;
  /**
   * Several calls at once are one wake. @returns true when it is awake
   * @throws AppError `engine_unavailable`
   */
  wake(environmentId: string, why: string): Promise<boolean>;
  /** Puts to sleep what is idle for a minute and may sleep at all; stopped, what was frozen too, unless told. */
  sleepIdle(why: string, how?: SleepHow): Promise<string[]>;
  sleeping(): Sleeper[];
  /** Wall time; null while nothing is known. */
  lastActiveAt(environmentId: string): number | null;
  /** What keeps an environment awake whatever its policy; null when nothing does. */
  keptAwake(environmentId: string): Promise<string | null>;
  /** Whether an event of the engine about this replica only tells what was done here. */
  isExpected(replicaId: string): boolean;
  /**
   * For the supervisor's pass. @param readAtMs monotonic time before rows and containers were looked at
   * @returns true when its containers are to be left alone
   */
  follow(
    environment: LiveEnvironment,
    rows: readonly ReplicaRecord[],
    actual: ReadonlyMap<string, ReplicaState>,
    readAtMs: number,
  ): Promise<boolean>;
}

const retryMs = 250;
const idleRetryMs = 5_000;
const publishAfterMs = 250;
/** Longer than Docker takes; whatever others do meanwhile, the next regular pass sees. */
const expectedForMs = 3_000;

export const createSleepControl = (
  parts: Omit<SleepContext, "book" | "activity" | "gate" | "lifetime" | "publishSoon" | "expect">,
): SleepControl => {
  const { deps } = parts;
  let lifetime: AbortSignal = AbortSignal.abort();
  let publishing: Timer | null = null;
  const expected = new Map<string, number>();
  const context: SleepContext = {
    ...parts,
    book: createSleepBook(deps),
    activity: createActivity(deps),
    gate: createStartGate(),
    lifetime: () => lifetime,
    publishSoon(urgent) {
      if (publishing !== null && !urgent) return;
      if (publishing !== null) clearTimeout(publishing);
      publishing = setTimeout(
        () => {
          publishing = null;
          context.routes.publish(AbortSignal.timeout(publishMs)).catch(() => context.kick());
        },
        urgent ? 0 : publishAfterMs,
      );
    },
    expect(replicaIds) {
      const nowMs = deps.clock.monotonicMs();
      for (const [id, untilMs] of expected) if (untilMs < nowMs) expected.delete(id);
      for (const id of replicaIds) expected.set(id, nowMs + expectedForMs);
    },
  };
  const { book, activity } = context;
  const waking = new Map<string, Promise<boolean>>();

  const wake = async (environmentId: string, why: string): Promise<boolean> => {
    await book.load();
    let mine = waking.get(environmentId);
    if (mine === undefined) {
      mine = wakeUp(context, environmentId, why).finally(() => waking.delete(environmentId));
      waking.set(environmentId, mine);
    }
    return mine;
  };

  const wakeAside = (environmentId: string, why: string): void => {
    wake(environmentId, why).catch((error) => {
      if (!lifetime.aborted)
        deps.log.warn("a site could not be woken; it is tried again", { environmentId, error });
    });
  };

  /** The edge says where somebody waits. */
  const hear = async (signal: AbortSignal): Promise<void> => {
    await book.load();
    // Calls of before may have gone to a daemon that is no more.
    let isNew = true;
    while (!signal.aborted)
      try {
        const ids = isNew ? Object.keys(await deps.edge.held()) : await deps.edge.wanted();
        isNew = false;
        for (const id of ids)
          if (book.get(id) !== undefined && !signal.aborted) wakeAside(id, "somebody visits it");
      } catch {
        isNew = true;
        // An edge that is started anew, or away: the supervisor says so.
        await Bun.sleep(retryMs);
      }
  };

  const lookForIdle = async (signal: AbortSignal): Promise<void> => {
    await book.load();
    while (!signal.aborted) {
      let pauseMs = idleRetryMs;
      try {
        if (context.engineUp()) pauseMs = await idlePass(context, wakeAside);
      } catch (error) {
        if (!signal.aborted) deps.log.debug("idle sites could not be looked for", { error });
      }
      await Bun.sleep(pauseMs);
    }
  };

  const putToSleep = async (environmentId: string, how: SleepHow, why: string): Promise<string | null> => {
    await book.load();
    return (await fallAsleep(context, [{ environmentId, why }], how)).get(environmentId) ?? null;
  };

  return {
    start(signal) {
      lifetime = signal;
      if (!deps.edgeOn) return;
      void hear(signal);
      void lookForIdle(signal);
    },
    putToSleep,
    sleep: async (environmentId, how, why) => (await putToSleep(environmentId, how, why)) === null,
    wake,
    sleepIdle: async (why, how = "stop") => {
      if (!deps.edgeOn || !context.engineUp()) return [];
      await book.load();
      return sleepIdle(context, why, how);
    },
    sleeping: () =>
      book
        .all()
        .map(({ environmentId, state, asleepSince, reason, memoryBeforeBytes, memoryAfterBytes }) => ({
          environmentId,
          state,
          sinceMs: asleepSince,
          reason,
          memoryBeforeBytes,
          memoryAfterBytes,
        })),
    lastActiveAt: activity.lastActiveAt,
    keptAwake: async (environmentId) => keptAwake(await readHouse(deps), environmentId),
    isExpected: (replicaId) => (expected.get(replicaId) ?? 0) > deps.clock.monotonicMs(),
    follow: async (environment, rows, actual, readAtMs) => {
      await book.load();
      if (book.touchedSince(environment.id, readAtMs)) return true;
      return followSleeper(context, environment, rows, actual);
    },
  };
};
