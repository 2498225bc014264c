import type { EventKind } from "../../domain/event.ts";
import { newId } from "../../domain/id.ts";
import { byDay, type SleepRecord, type SleepState } from "../../domain/sleep.ts";
import type { LiveEnvironment, SupervisorQueries } from "../deps.ts";
import type { SleepContext } from "./context.ts";

/** How the table of sleepers changes: each time with the event that tells of it, and the time slept by then. */

type Queries = Pick<
  SupervisorQueries,
  "addSleepDay" | "putSleep" | "deleteSleep" | "insertEvent" | "endEvent"
>;

const addTime = async (queries: Queries, record: SleepRecord, nowMs: number): Promise<void> => {
  for (const { day, ms } of byDay(record.since, nowMs)) {
    const [frozenMs, stoppedMs] = record.state === "frozen" ? [ms, 0] : [0, ms];
    await queries.addSleepDay({ environmentId: record.environmentId, day, frozenMs, stoppedMs });
  }
};

const kinds: Record<SleepState, EventKind> = { frozen: "site.frozen", stopped: "site.asleep" };

/** One that falls asleep, or from frozen into stopped. @returns its row */
export const writeAsleep = async (
  { deps, book }: Pick<SleepContext, "deps" | "book">,
  environment: Pick<LiveEnvironment, "id" | "currentReleaseId">,
  state: SleepState,
  why: string,
): Promise<SleepRecord> => {
  const nowMs = deps.clock.nowMs();
  const before = book.get(environment.id);
  const record: SleepRecord = {
    environmentId: environment.id,
    releaseId: environment.currentReleaseId!,
    state,
    asleepSince: before?.asleepSince ?? nowMs,
    since: nowMs,
    reason: why,
    memoryBeforeBytes: before?.memoryBeforeBytes ?? null,
    memoryAfterBytes: before?.memoryAfterBytes ?? null,
    eventId: newId("evt", nowMs),
  };
  await deps.store.transaction(async (queries) => {
    if (before !== undefined) {
      await addTime(queries, before, nowMs);
      await queries.endEvent(before.eventId, nowMs);
    }
    await queries.putSleep(record);
    await queries.insertEvent({
      id: record.eventId,
      at: nowMs,
      kind: kinds[state],
      severity: "info",
      environmentId: environment.id,
      message:
        state === "frozen"
          ? `Frozen: ${why}. The next request wakes it within moments.`
          : `Stopped to sleep: ${why}. The next request starts it.`,
      details: "{}",
      endedAt: null,
    });
  });
  book.note(record);
  return record;
};

/**
 * One that is awake again. @returns false when it was so before
 * @param told null: nothing worth telling, such as one that did not fall asleep after all
 */
export const writeAwake = async (
  { deps, book }: Pick<SleepContext, "deps" | "book">,
  record: SleepRecord,
  told: { kind: EventKind; message: string; details?: Record<string, unknown> } | null,
): Promise<boolean> => {
  const nowMs = deps.clock.nowMs();
  const ended = await deps.store.transaction(async (queries) => {
    if (!(await queries.deleteSleep(record.environmentId, record.state))) return false;
    await addTime(queries, record, nowMs);
    await queries.endEvent(record.eventId, nowMs);
    if (told !== null)
      await queries.insertEvent({
        id: newId("evt", nowMs),
        at: nowMs,
        kind: told.kind,
        severity: told.kind === "site.wake_failed" ? "warning" : "info",
        environmentId: record.environmentId,
        message: told.message,
        details: JSON.stringify(told.details ?? {}),
        endedAt: nowMs,
      });
    return true;
  });
  book.forget(record.environmentId);
  return ended;
};
