import type { ReplicaRecord } from "../../domain/records.ts";
import { type SleepHow, type SleepRecord, stateAfter } from "../../domain/sleep.ts";
import { publicMessageOf } from "../../errors.ts";
import type { LiveEnvironment } from "../deps.ts";
import { publishMs, type SleepContext } from "./context.ts";
import { type House, obstacle, readHouse } from "./may-sleep.ts";
import { writeAsleep, writeAwake } from "./sleep-rows.ts";

export interface Bedtime {
  environmentId: string;
  /** Ends a sentence: "Frozen: nobody has visited it for 30 minutes". */
  why: string;
}

/** Each takes Docker some ten milliseconds, a stop up to the app's grace. */
const atOnce = 8;

/** One on its way to sleep. */
interface Sleepy {
  environment: LiveEnvironment;
  replicas: ReplicaRecord[];
  /** As it was before. */
  before: SleepRecord | undefined;
  record: SleepRecord;
  leave: () => void;
}

/**
 * Puts environments to sleep, many with one change of the routes: first their requests wait at the edge, and only then,
 * with nothing under way any more, do their containers stand still.
 * @returns why those stayed awake that did; null for who sleeps
 */
export const fallAsleep = async (
  context: SleepContext,
  bedtimes: readonly Bedtime[],
  how: SleepHow,
): Promise<Map<string, string | null>> => {
  const { deps, book } = context;
  const outcome = new Map<string, string | null>();
  const sleepy: Sleepy[] = [];
  const house = await readHouse(deps);
  try {
    for (const { environmentId, why } of bedtimes) {
      const obstacleNow = whyNot(context, house, environmentId, how);
      outcome.set(environmentId, obstacleNow === "asleep" ? null : obstacleNow);
      if (obstacleNow !== null) continue;
      const leave = await book.enter(environmentId);
      const environment = house.environments.get(environmentId)!;
      try {
        const past = book.get(environmentId);
        if (past !== undefined && past.releaseId !== environment.currentReleaseId)
          await writeAwake(context, past, {
            kind: "site.woken",
            message: "Woken: another release serves now.",
          });
        const before = book.get(environmentId);
        const record = await writeAsleep(context, environment, stateAfter[how], why);
        sleepy.push({
          environment,
          replicas: house.replicas.get(environmentId) ?? [],
          before,
          record,
          leave,
        });
      } catch (error) {
        leave();
        throw error;
      }
    }
    if (sleepy.length === 0) return outcome;
    await routesFollow(context, sleepy, outcome);
    const queue = sleepy.filter(({ environment }) => outcome.get(environment.id) === null);
    const worker = async (): Promise<void> => {
      for (let one = queue.shift(); one !== undefined; one = queue.shift())
        outcome.set(one.environment.id, await standStill(context, one, how));
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    const awake = sleepy.filter(({ environment }) => outcome.get(environment.id) !== null);
    if (awake.length > 0)
      await context.routes.publish(AbortSignal.timeout(publishMs)).catch(() => context.kick());
  } finally {
    for (const { leave } of sleepy) leave();
  }
  return outcome;
};

const whyNot = (
  { book, engineUp, deps }: SleepContext,
  house: House,
  environmentId: string,
  how: SleepHow,
): string | null => {
  if (!deps.edgeOn) return "without an edge nothing would wake it";
  if (!engineUp()) return "Docker does not answer";
  if (book.isBusy(environmentId)) return "it is just falling asleep or waking up";
  const present = book.get(environmentId);
  // That of an earlier release is over, whether a pass has seen it or not.
  const holds = present?.releaseId === house.environments.get(environmentId)?.currentReleaseId;
  if (present !== undefined && holds && (present.state === "stopped" || how === "freeze")) return "asleep";
  return obstacle(house, environmentId);
};

/** The edge holds their requests from here on; who has something under way is woken again. */
const routesFollow = async (
  context: SleepContext,
  sleepy: readonly Sleepy[],
  outcome: Map<string, string | null>,
): Promise<void> => {
  let active: Record<string, number> = {};
  let failure: string | null = null;
  try {
    await context.routes.publish(AbortSignal.timeout(publishMs));
    active = await context.deps.edge.active();
  } catch (error) {
    failure = publicMessageOf(error);
  }
  for (const one of sleepy) {
    const underWay = one.replicas.reduce((sum, { id }) => sum + (active[id] ?? 0), 0);
    const reason =
      failure ?? (underWay > 0 ? `${underWay} of its requests or connections are under way` : null);
    if (reason === null) continue;
    outcome.set(one.environment.id, reason);
    await writeAwake(context, one.record, null);
  }
};

/** @returns why it is awake all the same */
const standStill = async (
  context: SleepContext,
  { environment, replicas, before, record }: Sleepy,
  how: SleepHow,
): Promise<string | null> => {
  const { engine, log, store, clock } = context.deps;
  context.expect(replicas.map(({ id }) => id));
  try {
    if (how === "freeze") {
      await Promise.all(replicas.map(({ id }) => engine.pauseReplica(id)));
      void giveBack(context, record, replicas);
    } else {
      if (before === undefined) await noteMemory(context, record, replicas);
      else if (before.memoryBeforeBytes !== null)
        await remember(context, record, before.memoryBeforeBytes, 0);
      const ended = { state: "exited" as const, endedAt: clock.nowMs(), nextRestartAt: null, reason: null };
      for (const { id } of replicas) await store.updateReplica(id, ended);
      await Promise.all(replicas.map(({ id }) => engine.stopReplica(id, context.deps.stopGraceSeconds)));
    }
    log.info("a site sleeps", { site: environment.slug, state: record.state, why: record.reason });
    return null;
  } catch (error) {
    log.warn("a site could not be put to sleep", { site: environment.slug, error });
    await writeAwake(context, record, null);
    // What is frozen or stopped by now goes on; what cannot, the next pass looks after.
    await Promise.all(replicas.map(({ id }) => engine.unpauseReplica(id).catch(() => {})));
    context.kick();
    return publicMessageOf(error);
  }
};

/** Best effort, and beside everything else: it takes as long as the kernel needs. */
const giveBack = async (
  context: SleepContext,
  record: SleepRecord,
  replicas: readonly ReplicaRecord[],
): Promise<void> => {
  try {
    let beforeBytes = 0;
    let afterBytes = 0;
    for (const { id } of replicas) {
      // It may have been woken meanwhile.
      if (context.book.get(record.environmentId)?.eventId !== record.eventId) return;
      const given = await context.deps.engine.reclaimMemory(id);
      if (given === null) return;
      beforeBytes += given.beforeBytes;
      afterBytes += given.afterBytes;
    }
    await remember(context, record, beforeBytes, afterBytes);
  } catch (error) {
    context.deps.log.warn("memory of a frozen site could not be given back", { error });
  }
};

const noteMemory = async (
  context: SleepContext,
  record: SleepRecord,
  replicas: readonly ReplicaRecord[],
): Promise<void> => {
  const ids = new Set(replicas.map(({ id }) => id));
  const readings = await context.deps.engine.readings().catch(() => []);
  const bytes = readings.reduce(
    (sum, { replicaId, memoryBytes }) => sum + (ids.has(replicaId) ? memoryBytes : 0),
    0,
  );
  if (bytes > 0) await remember(context, record, bytes, 0);
};

const remember = async (
  { deps, book }: SleepContext,
  record: SleepRecord,
  memoryBeforeBytes: number,
  memoryAfterBytes: number,
): Promise<void> => {
  const present = book.get(record.environmentId);
  if (present?.eventId !== record.eventId) return;
  await deps.store.noteSleepMemory(record.environmentId, { memoryBeforeBytes, memoryAfterBytes });
  if (book.get(record.environmentId) === present)
    book.note({ ...present, memoryBeforeBytes, memoryAfterBytes });
};
