import type { GuardSettings, PressureKind } from "../domain/guard.ts";
import type { Acts } from "./acts.ts";
import { buildsMeter, type GuardDeps, type GuardSite } from "./deps.ts";
import type { Pressure } from "./pressure.ts";
import type { Suspect, Suspects } from "./suspects.ts";

/** A released site is left alone for so long. */
const spareMs = 10 * 60_000;
/** Who is paused again within this time is paused for longer: it would only begin anew. */
const repeatMs = 60 * 60_000;
const longestHoldMs = 15 * 60_000;
/** Of what all sites use together: where many take a little each, nobody is to blame. */
const leastShare = 0.3;
/** Others of its owner stand still with an internal site: it is touched where it uses more than all others together. */
const leastInternalShare = 0.5;

export interface Ladder {
  /** Takes one step up while there is pressure and it is time, one down once it has been gone long enough. */
  climb(pressures: readonly Pressure[], settings: GuardSettings): Promise<void>;
  /** Leaves these environments alone for a while. */
  spare(environmentIds: readonly string[]): void;
}

/** What is most dangerous comes first: a full disk or no memory ends everything, busy processors only slow it down. */
const worst = (pressures: readonly Pressure[]): Pressure | null =>
  (["memory", "disk", "io", "cpu"] as const)
    .map((kind) => pressures.find((one) => one.kind === kind))
    .find((one) => one !== undefined) ?? null;

/** Pauses builds, puts idle sites to sleep, slows the culprit down, pauses it: one step at a time. */
export const createLadder = (parts: { deps: GuardDeps; acts: Acts; suspects: Suspects }): Ladder => {
  const { deps, acts, suspects } = parts;
  const spared = new Map<string, number>();
  const pausedBefore = new Map<string, { atMs: number; times: number }>();
  let lastStepMs = Number.NEGATIVE_INFINITY;
  let calmSinceMs: number | null = null;

  const isSpared = (environmentId: string): boolean =>
    (spared.get(environmentId) ?? Number.NEGATIVE_INFINITY) > deps.clock.monotonicMs();

  const culpritOf = async (kind: PressureKind): Promise<{ site: GuardSite; suspect: Suspect } | null> => {
    const sites = await deps.sites();
    const owners = new Map(
      sites.flatMap((site) => site.replicaIds.map((id) => [id, site.environmentId] as const)),
    );
    // So that sites are not blamed for more than their part of it.
    owners.set(buildsMeter, buildsMeter);
    for (const suspect of suspects.of(kind, (id) => owners.get(id), deps)) {
      if (suspect.share < leastShare) return null;
      const site = sites.find(({ environmentId }) => environmentId === suspect.environmentId);
      const isPaused = acts.all.some(
        (act) => act.kind === "pause" && act.environmentId === suspect.environmentId,
      );
      if (site?.isInternal && suspect.share < leastInternalShare) continue;
      if (site && !isPaused && !isSpared(suspect.environmentId)) return { site, suspect };
    }
    return null;
  };

  const notePaused = (environmentId: string, nowMs: number): void => {
    const before = pausedBefore.get(environmentId);
    const times = before && nowMs - before.atMs < repeatMs ? before.times + 1 : 1;
    pausedBefore.set(environmentId, { atMs: nowMs, times });
  };

  const stepUp = async (pressure: Pressure): Promise<void> => {
    const isStorage = pressure.kind === "disk" || pressure.kind === "memory";
    const culprit = await culpritOf(pressure.kind);
    const nowMs = deps.clock.monotonicMs();
    // Busy processors that nobody here keeps busy are not for Croft to mend.
    if (!isStorage && culprit === null) return;
    lastStepMs = nowMs;
    if (!acts.all.some(({ kind }) => kind === "builds")) {
      await acts.pauseBuilds(pressure);
      if (!pressure.urgent) return;
    }
    if (!pressure.urgent) {
      const slept = await deps.sleepIdle(pressure.text, pressure.kind === "memory" ? "stop" : "freeze");
      if (slept.length > 0) return acts.noteSlept(pressure, slept);
    }
    if (culprit === null) return;
    const { site, suspect } = culprit;
    const isThrottled = acts.all.some(
      (act) => act.kind === "throttle" && act.environmentId === site.environmentId,
    );
    if (!isThrottled && !pressure.urgent) return acts.throttle(pressure, site, suspect);
    notePaused(site.environmentId, nowMs);
    await acts.pause(pressure, site, suspect);
  };

  /** The last act is undone first; each after a calm of its own, since its undoing may bring the pressure back. */
  const stepDown = async (settings: GuardSettings): Promise<void> => {
    const nowMs = deps.clock.monotonicMs();
    calmSinceMs ??= nowMs;
    const last = acts.all.at(-1);
    if (!last) return;
    const times = last.kind === "pause" ? (pausedBefore.get(last.environmentId ?? "")?.times ?? 1) : 1;
    const holdMs = Math.min(
      Math.max(longestHoldMs, settings.calmSeconds * 1000),
      settings.calmSeconds * 1000 * 2 ** (times - 1),
    );
    if (nowMs - calmSinceMs < holdMs) return;
    calmSinceMs = nowMs;
    await acts.undo(last);
  };

  return {
    climb: async (pressures, settings) => {
      const pressure = worst(pressures);
      if (pressure === null) return stepDown(settings);
      calmSinceMs = null;
      const dueMs = lastStepMs + settings.stepSeconds * 1000;
      if (pressure.urgent || deps.clock.monotonicMs() >= dueMs) await stepUp(pressure);
    },
    spare: (environmentIds) => {
      for (const id of environmentIds) spared.set(id, deps.clock.monotonicMs() + spareMs);
    },
  };
};
