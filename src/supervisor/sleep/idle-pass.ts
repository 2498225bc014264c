import { stateDue, type SleepHow } from "../../domain/sleep.ts";
import { calledAwake, keptAwake, readHouse, type House } from "./may-sleep.ts";
import type { SleepContext } from "./context.ts";
import { type Bedtime, fallAsleep } from "./fall-asleep.ts";

const shortestPauseMs = 1_000;
const longestPauseMs = 10_000;

/**
 * Looks who was asked nothing for long, whose time to wake has come, and who has been frozen for long.
 * @param wake without waiting for it
 * @returns ms until the next look
 */
export const idlePass = async (
  context: SleepContext,
  wake: (environmentId: string, why: string) => void,
): Promise<number> => {
  const { deps, activity, book } = context;
  const reading = await deps.edge.meters();
  const house = await readHouse(deps);
  await activity.load();
  const freeze: Bedtime[] = [];
  const stop: Bedtime[] = [];
  let pauseMs = longestPauseMs;
  for (const environment of house.environments.values()) {
    const { id } = environment;
    const replicas = house.replicas.get(id) ?? [];
    if (environment.currentReleaseId === null || environment.stoppedReason !== null || replicas.length === 0)
      continue;
    const record = book.get(id);
    // What is asked of a sleeper wakes it, if anything does.
    if (record === undefined) activity.see(id, reading, lifeOf(environment.currentReleaseId, replicas));
    if (house.inUse.has(id)) activity.touch(id);
    const called = record === undefined ? null : calledAwake(house, id, record.asleepSince);
    if (called !== null) {
      wake(id, called);
      continue;
    }
    const policy = house.policies.get(id)!;
    const scheduled = scheduledAt(context, house, id, record?.asleepSince ?? null);
    if (scheduled !== null) {
      activity.touch(id);
      if (record !== undefined) wake(id, `its schedule says so (${scheduled})`);
      continue;
    }
    const shortest = Math.min(policy.freezeAfterMs || Infinity, policy.stopAfterMs || Infinity);
    pauseMs = Math.max(shortestPauseMs, Math.min(pauseMs, shortest / 4));
    const idleMs = activity.idleMs(id);
    const due = stateDue(policy, idleMs);
    if (due === null || record?.state === "stopped" || (record?.state === "frozen" && due === "frozen"))
      continue;
    if (keptAwake(house, id) !== null && record === undefined) continue;
    (due === "frozen" ? freeze : stop).push({
      environmentId: id,
      why: `nobody has visited it for ${inWords(due === "frozen" ? policy.freezeAfterMs : policy.stopAfterMs)}`,
    });
  }
  for (const record of book.all())
    if (!house.environments.has(record.environmentId)) book.forget(record.environmentId);
  await activity.keep(new Set(house.environments.keys()));
  await fallAsleep(context, freeze, "freeze");
  await fallAsleep(context, stop, "stop");
  return pauseMs;
};

/** Another release, or another container, is a new life: what was idle before does not count. */
const lifeOf = (
  releaseId: string,
  replicas: readonly { createdAt: number; startedAt: number | null }[],
): string =>
  `${releaseId} ${Math.max(...replicas.map(({ createdAt, startedAt }) => startedAt ?? createdAt))}`;

/** The pattern whose time has come since it was last active, or fell asleep; null when none has. */
const scheduledAt = (
  { deps, activity }: SleepContext,
  house: House,
  environmentId: string,
  asleepSince: number | null,
): string | null => {
  const { wakeAt, timeZone } = house.policies.get(environmentId)!;
  if (wakeAt.length === 0) return null;
  const sinceMs = Math.max(asleepSince ?? 0, activity.lastActiveAt(environmentId) ?? house.nowMs);
  for (const pattern of wakeAt)
    try {
      const atMs = deps.nextTime(pattern, timeZone, sinceMs);
      if (atMs !== null && atMs <= house.nowMs) return pattern;
    } catch (error) {
      deps.log.warn("a time to wake is not understood", { environmentId, pattern, error });
    }
  return null;
};

const inWords = (ms: number): string => {
  const hours = ms / 3_600_000;
  if (hours >= 2 && Number.isInteger(hours)) return `${hours} hours`;
  const minutes = ms / 60_000;
  return minutes >= 1 ? `${Math.round(minutes)} minutes` : `${Math.round(ms / 1000)} seconds`;
};

/** A site that nobody has asked anything for a moment, when the host needs what it takes. */
const idleForGuardMs = 60_000;

/** Puts all to sleep that are idle for a minute and may sleep at all. @returns who sleeps now, and did not before */
export const sleepIdle = async (context: SleepContext, why: string, how: SleepHow): Promise<string[]> => {
  const { deps, activity, book } = context;
  const reading = await deps.edge.meters();
  const house = await readHouse(deps);
  await activity.load();
  const bedtimes: Bedtime[] = [];
  for (const { id, currentReleaseId } of house.environments.values()) {
    const replicas = house.replicas.get(id) ?? [];
    if (replicas.length === 0 || currentReleaseId === null || house.policies.get(id)!.never) continue;
    const record = book.get(id);
    if (record === undefined) activity.see(id, reading, lifeOf(currentReleaseId, replicas));
    if (record?.state === "stopped" || (record !== undefined && how === "freeze")) continue;
    if (keptAwake(house, id) !== null || activity.idleMs(id) < idleForGuardMs) continue;
    bedtimes.push({ environmentId: id, why });
  }
  const outcome = await fallAsleep(context, bedtimes, how);
  return bedtimes.map(({ environmentId }) => environmentId).filter((id) => outcome.get(id) === null);
};
