import { z } from "zod";

// When environments sleep: rows of the tables of migration 0009, what is asked, and what is answered.

/** `frozen`: its processes stand still in memory; `stopped`: nothing of it runs. */
export const sleepStates = ["frozen", "stopped"] as const;
export type SleepState = (typeof sleepStates)[number];
/** How to put one to sleep. */
export type SleepHow = "freeze" | "stop";
export const sleepHows = ["freeze", "stop"] as const satisfies SleepHow[];
export const stateAfter: Record<SleepHow, SleepState> = { freeze: "frozen", stop: "stopped" };

/** A row of `sleeps`: an environment that is asleep. In force while `releaseId` is the current release. */
export interface SleepRecord {
  environmentId: string;
  releaseId: string;
  state: SleepState;
  asleepSince: number;
  /** Of the present state. */
  since: number;
  /** Ends a sentence that begins with "asleep since …". */
  reason: string;
  /** Of all its replicas, before and after it fell asleep; null where it could not be read. */
  memoryBeforeBytes: number | null;
  memoryAfterBytes: number | null;
  eventId: string;
}

/** A row of `sleep_policies`; times 0: that stage is left out; null: as the installation says. */
export interface SleepPolicyRecord {
  environmentId: string;
  never: number;
  freezeAfterMs: number | null;
  stopAfterMs: number | null;
  /** JSON array of cron patterns. */
  wakeAt: string;
  timeZone: string;
  updatedAt: number;
}

/** A row of `activities`. */
export interface ActivityRecord {
  environmentId: string;
  lastActiveAt: number;
  counters: string;
}

/** A row of `sleep_days`; the day as `2026-11-20`, UTC. */
export interface SleepDayRecord {
  environmentId: string;
  day: string;
  frozenMs: number;
  stoppedMs: number;
}

const minuteMs = 60_000;

/** Of the installation: how long idle sites stay awake, 0 for always. */
export interface SleepDefaults {
  freezeAfterMs: number;
  stopAfterMs: number;
}
export const sleepDefaults: SleepDefaults = { freezeAfterMs: 30 * minuteMs, stopAfterMs: 6 * 60 * minuteMs };
/** Keys of `settings` that hold others. */
export const sleepSettings = { freezeAfterMs: "sleep.freeze_after_ms", stopAfterMs: "sleep.stop_after_ms" };

const minutes = (() => {
  const message = "must be minutes between 0.05 and 525,600, or 0 for never";
  return z
    .number({ error: message })
    .max(525_600, message)
    .refine((value) => value === 0 || value >= 0.05, message);
})();

export const sleepDefaultsSchema = z.strictObject({
  freezeAfterMinutes: minutes.optional(),
  stopAfterMinutes: minutes.optional(),
});
export type SleepDefaultsInput = z.output<typeof sleepDefaultsSchema>;

/** Fields that are left out stay as they are. */
export const sleepPolicySchema = z.strictObject({
  never: z.boolean({ error: "must be true or false" }).optional(),
  /** Null: as the installation says. */
  freezeAfterMinutes: minutes.nullable().optional(),
  stopAfterMinutes: minutes.nullable().optional(),
  wakeAt: z
    .array(
      z
        .string()
        .max(100, "must be at most 100 characters")
        .regex(/^\S+( \S+){4}$/, "must be a cron pattern of five parts, such as 0 8 * * 1-5"),
      { error: "must be a list of cron patterns" },
    )
    .max(10, "may hold 10 times at most")
    .optional(),
  timeZone: z
    .string()
    .max(60, "must be at most 60 characters")
    .refine(isTimeZone, "must be a time zone such as Europe/Berlin or UTC")
    .optional(),
});
export type SleepPolicyInput = z.output<typeof sleepPolicySchema>;

/** A function, since the schema above needs it early. */
function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export const sleepSchema = z.strictObject({
  how: z.enum(sleepHows, { error: `must be ${sleepHows.join(" or ")}` }).default("freeze"),
});

/** What holds for an environment. */
export interface SleepPolicy extends SleepDefaults {
  never: boolean;
  wakeAt: string[];
  timeZone: string;
}

export const policyOf = (row: SleepPolicyRecord | undefined, defaults: SleepDefaults): SleepPolicy => ({
  never: row?.never === 1,
  freezeAfterMs: row?.freezeAfterMs ?? defaults.freezeAfterMs,
  stopAfterMs: row?.stopAfterMs ?? defaults.stopAfterMs,
  wakeAt: row === undefined ? [] : (JSON.parse(row.wakeAt) as string[]),
  timeZone: row?.timeZone ?? "UTC",
});

/** As an environment that has been idle for so long should be; null: awake. */
export const stateDue = (policy: SleepPolicy, idleMs: number): SleepState | null => {
  if (policy.never) return null;
  if (policy.stopAfterMs > 0 && idleMs >= policy.stopAfterMs) return "stopped";
  return policy.freezeAfterMs > 0 && idleMs >= policy.freezeAfterMs ? "frozen" : null;
};

export interface SleepDefaultsView {
  /** 0: never. */
  freezeAfterMinutes: number;
  stopAfterMinutes: number;
}

/** Of one environment's sleep. */
export interface SleepView {
  state: "awake" | SleepState;
  /** Of the present state; null while awake. */
  since: string | null;
  /** Why it sleeps; null while awake. */
  reason: string | null;
  memory: { beforeBytes: number; afterBytes: number } | null;
}

export interface SleepPolicyView {
  never: boolean;
  /** In force; 0: that stage is left out. */
  freezeAfterMinutes: number;
  stopAfterMinutes: number;
  /** Which of both are the installation's. */
  fromDefaults: { freezeAfterMinutes: boolean; stopAfterMinutes: boolean };
  wakeAt: string[];
  timeZone: string;
  /** Why it stays awake whatever the policy says, such as sites that are linked to it; null when nothing keeps it. */
  keptAwake: string | null;
  lastActiveAt: string | null;
  sleep: SleepView;
  /** Within the last 30 days, the present sleep included. */
  slept: { frozenSeconds: number; stoppedSeconds: number };
}

/** A sleeper as others of the daemon see it. */
export interface Sleeper {
  environmentId: string;
  state: SleepState;
  sinceMs: number;
  reason: string;
  memoryBeforeBytes: number | null;
  memoryAfterBytes: number | null;
}

export const inMinutes = (ms: number): number => ms / minuteMs;
export const fromMinutes = (minutesGiven: number): number => Math.round(minutesGiven * minuteMs);

const dayMs = 24 * 60 * minuteMs;

/** A span of time by days in UTC. */
export const byDay = (fromMs: number, toMs: number): { day: string; ms: number }[] => {
  const days: { day: string; ms: number }[] = [];
  for (let at = fromMs; at < toMs;) {
    const next = Math.min(toMs, (Math.floor(at / dayMs) + 1) * dayMs);
    days.push({ day: new Date(at).toISOString().slice(0, 10), ms: next - at });
    at = next;
  }
  return days;
};
