import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { isoOrNull } from "../domain/deployment-view.ts";
import {
  fromMinutes,
  inMinutes,
  policyOf,
  type SleepDefaults,
  sleepDefaults,
  type SleepDefaultsInput,
  type SleepDefaultsView,
  type SleepHow,
  type SleepPolicyInput,
  type SleepPolicyRecord,
  type SleepPolicyView,
  sleepSettings,
} from "../domain/sleep.ts";
import { AppError, conflict, invalid } from "../errors.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps } from "./deps.ts";
import { sleepView } from "./sleep-view.ts";

const sleptForDays = 30;
const dayMs = 24 * 3_600_000;

/**
 * Puts a site to sleep at once. The first request wakes it.
 * @throws AppError `conflict` with what keeps it awake
 */
export const sleepSite = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  how: SleepHow,
  environmentName?: string,
): Promise<void> => {
  const { site, environment } = await reachSite(deps, actor, slug, "deploy", environmentName);
  const reason = await deps.sleep.putToSleep(environment.id, how, "somebody asked for it");
  if (reason !== null) throw conflict(`site ${slug} stays awake: ${reason}`);
  await deps.store.insertAudit(
    auditEntry(actor, "site.sleep", { type: "site", id: site.id }, { after: { how } }, deps.clock.nowMs()),
  );
};

/** Wakes a site. Idempotent. @throws AppError `engine_unavailable` */
export const wakeSite = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<void> => {
  const { site, environment } = await reachSite(deps, actor, slug, "deploy", environmentName);
  if (!(await deps.sleep.wake(environment.id, "somebody asked for it")))
    throw conflict(`site ${slug} could not be woken`);
  await deps.store.insertAudit(
    auditEntry(actor, "site.wake", { type: "site", id: site.id }, {}, deps.clock.nowMs()),
  );
};

/** When a site sleeps, whether it does, and how long it has. */
export const showSleep = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<SleepPolicyView> => {
  const { environment } = await reachSite(deps, actor, slug, "read", environmentName);
  const { store, clock } = deps;
  const row = await store.sleepPolicyOf(environment.id);
  const policy = policyOf(row, await readDefaults(deps));
  const [record] = await store.sleepsOf([environment.id]);
  const nowMs = clock.nowMs();
  const fromDay = new Date(nowMs - sleptForDays * dayMs).toISOString().slice(0, 10);
  const slept = { frozen: 0, stopped: 0 };
  for (const day of await store.sleepDaysOf(environment.id, fromDay)) {
    slept.frozen += day.frozenMs;
    slept.stopped += day.stoppedMs;
  }
  if (record) slept[record.state] += Math.max(0, nowMs - record.since);
  const activeAtMs = deps.sleep.lastActiveAt(environment.id);
  return {
    never: policy.never,
    freezeAfterMinutes: inMinutes(policy.freezeAfterMs),
    stopAfterMinutes: inMinutes(policy.stopAfterMs),
    fromDefaults: {
      freezeAfterMinutes: (row?.freezeAfterMs ?? null) === null,
      stopAfterMinutes: (row?.stopAfterMs ?? null) === null,
    },
    wakeAt: policy.wakeAt,
    timeZone: policy.timeZone,
    keptAwake: await deps.sleep.keptAwake(environment.id),
    lastActiveAt: isoOrNull(activeAtMs),
    sleep: sleepView(record, environment.currentReleaseId),
    slept: {
      frozenSeconds: Math.round(slept.frozen / 1000),
      stoppedSeconds: Math.round(slept.stopped / 1000),
    },
  };
};

/** Changes when a site sleeps. @throws AppError `invalid_input` */
export const changeSleep = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  input: SleepPolicyInput,
  environmentName?: string,
): Promise<void> => {
  const { site, environment } = await reachSite(deps, actor, slug, "change", environmentName);
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    const before = await queries.sleepPolicyOf(environment.id);
    const after = changed(environment.id, before, input, nowMs);
    for (const [at, pattern] of (JSON.parse(after.wakeAt) as string[]).entries())
      checkTime(deps, `wakeAt.${at}`, pattern, after.timeZone, nowMs);
    await queries.putSleepPolicy(after);
    await queries.insertAudit(
      auditEntry(actor, "site.sleep_policy", { type: "site", id: site.id }, { before, after }, nowMs),
    );
  });
};

const changed = (
  environmentId: string,
  before: SleepPolicyRecord | undefined,
  input: SleepPolicyInput,
  nowMs: number,
): SleepPolicyRecord => {
  const time = (given: number | null | undefined, present: number | null): number | null =>
    given === undefined ? present : given === null ? null : fromMinutes(given);
  return {
    environmentId,
    never: Number(input.never ?? before?.never === 1),
    freezeAfterMs: time(input.freezeAfterMinutes, before?.freezeAfterMs ?? null),
    stopAfterMs: time(input.stopAfterMinutes, before?.stopAfterMs ?? null),
    wakeAt: input.wakeAt === undefined ? (before?.wakeAt ?? "[]") : JSON.stringify(input.wakeAt),
    timeZone: input.timeZone ?? before?.timeZone ?? "UTC",
    updatedAt: nowMs,
  };
};

const checkTime = (deps: SiteDeps, path: string, pattern: string, timeZone: string, nowMs: number): void => {
  let next: number | null;
  try {
    next = deps.sleep.nextTime(pattern, timeZone, nowMs);
  } catch {
    throw invalid(path, "must be a cron pattern of five parts, such as 0 8 * * 1-5");
  }
  if (next === null) throw invalid(path, "is a time that never comes");
};

const readDefaults = async ({ store }: Pick<SiteDeps, "store">): Promise<SleepDefaults> => {
  const read = async (name: keyof SleepDefaults): Promise<number> =>
    Number((await store.setting(sleepSettings[name])) ?? sleepDefaults[name]);
  return { freezeAfterMs: await read("freezeAfterMs"), stopAfterMs: await read("stopAfterMs") };
};

/** How long sites of this installation may be idle that do not say otherwise. */
export const showSleepDefaults = async (deps: SiteDeps): Promise<SleepDefaultsView> => {
  const { freezeAfterMs, stopAfterMs } = await readDefaults(deps);
  return { freezeAfterMinutes: inMinutes(freezeAfterMs), stopAfterMinutes: inMinutes(stopAfterMs) };
};

/** @throws AppError `forbidden` for who is not an operator */
export const changeSleepDefaults = async (
  deps: SiteDeps,
  actor: Actor,
  input: SleepDefaultsInput,
): Promise<SleepDefaultsView> => {
  if (actor.kind === "user" && !actor.isAdmin)
    throw new AppError("forbidden", "only operators of this installation may do this");
  const before = await showSleepDefaults(deps);
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    const put = async (name: keyof SleepDefaults, minutes: number | undefined): Promise<void> => {
      if (minutes !== undefined)
        await queries.putSetting(sleepSettings[name], String(fromMinutes(minutes)), nowMs);
    };
    await put("freezeAfterMs", input.freezeAfterMinutes);
    await put("stopAfterMs", input.stopAfterMinutes);
    await queries.insertAudit(
      auditEntry(actor, "settings.sleep", { type: "settings", id: "sleep" }, { before, after: input }, nowMs),
    );
  });
  return showSleepDefaults(deps);
};
