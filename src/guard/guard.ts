import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import {
  defaultGuardSettings,
  guardSettingsPatchSchema,
  type GuardSettings,
  type GuardSettingsPatch,
  type GuardView,
  type HostFigures,
} from "../domain/guard.ts";
import { conflict, invalidFields } from "../errors.ts";
import { createActs } from "./acts.ts";
import { type BuildNeed, buildObstacle, type BuildObstacle } from "./admission.ts";
import { createHostReader } from "./read-host.ts";
import type { GuardDeps, GuardSite } from "./deps.ts";
import { createLadder } from "./ladder.ts";
import { createPrecedence } from "./precedence.ts";
import { createPressureWatch, type Pressure, settingsFor } from "./pressure.ts";
import { createSuspects } from "./suspects.ts";
import { guardView } from "./view.ts";

export interface Guard {
  /** Looks every second until the signal; what is in force then stays so for the next daemon. */
  start(signal: AbortSignal): Promise<void>;
  /** One look and what follows from it; for `start` and for tests. */
  tick(): Promise<void>;
  view(): Promise<GuardView>;
  /** Changes thresholds; the caller is an operator. @throws AppError `invalid_input` */
  change(actor: Actor, patch: GuardSettingsPatch): Promise<void>;
  /**
   * Undoes what is in force for a site, and leaves it alone for ten minutes; the caller is an operator.
   * @throws AppError `conflict` when nothing is in force for it
   */
  release(actor: Actor, slug: string): Promise<void>;
  /** Why a build may not begin now; null when it may. */
  buildObstacle(need: BuildNeed): BuildObstacle | null;
}

const lookEveryMs = 1000;
/** Without pressure: so that there is something to compare with when it comes. */
const consumptionEveryMs = 10_000;
/** While somebody looks on, who uses what is known by the second. */
const watchedMs = 15_000;
const holdEveryMs = 5000;
const settingsKey = "guard";

export const createGuard = (deps: GuardDeps): Guard => {
  const { clock, log, store } = deps;
  const reader = createHostReader(clock);
  const watch = createPressureWatch();
  const suspects = createSuspects();
  const acts = createActs(deps);
  const precedence = createPrecedence(deps, suspects);
  const ladder = createLadder({ deps, acts, suspects });
  let asked: GuardSettings | null = null;
  let figures: HostFigures | null = null;
  let settings: GuardSettings = defaultGuardSettings;
  let pressures: Pressure[] = [];
  let consumedAtMs = Number.NEGATIVE_INFINITY;
  let watchedUntilMs = Number.NEGATIVE_INFINITY;
  let heldAtMs = 0;
  let recovery: Promise<void> | null = null;
  let trouble: string | null = null;

  const readSettings = async (): Promise<GuardSettings> => {
    const parsed = guardSettingsPatchSchema.safeParse(JSON.parse((await store.setting(settingsKey)) ?? "{}"));
    return { ...defaultGuardSettings, ...parsed.data };
  };

  const noteConsumption = async (isWarm: boolean, isNeeded: boolean): Promise<void> => {
    const nowMs = clock.monotonicMs();
    const isClose = isWarm || nowMs < watchedUntilMs;
    if (!isClose && !isNeeded && nowMs - consumedAtMs < consumptionEveryMs) return;
    consumedAtMs = nowMs;
    suspects.note(nowMs, await deps.consumption(isClose));
  };

  const tick = async (): Promise<void> => {
    asked ??= await readSettings();
    await (recovery ??= acts.recover());
    figures = await reader.read(await deps.folders());
    settings = settingsFor(asked, figures);
    const seen = watch.note(figures, settings);
    pressures = seen.pressures;
    // Without the engine there is nobody to find, but builds can still be held back.
    const isNeeded = precedence.isNeeded(figures);
    await noteConsumption(seen.isWarm, isNeeded).catch((error: unknown) =>
      log.debug("no consumption", { error }),
    );
    if (isNeeded) await precedence.look();
    if (!deps.isOn) {
      for (const act of acts.all.toReversed()) await acts.undo(act);
      return;
    }
    await ladder.climb(pressures, settings);
    if (acts.all.length === 0 || clock.monotonicMs() - heldAtMs < holdEveryMs) return;
    heldAtMs = clock.monotonicMs();
    await acts.hold();
  };

  const safely = async (): Promise<void> => {
    try {
      await tick();
      trouble = null;
    } catch (error) {
      // Told once, not every second.
      const message = (error as Error).message;
      if (message !== trouble) log.warn("the host guard could not do its work; it tries again", { error });
      trouble = message;
    }
  };

  return {
    start: async (signal) => {
      while (!signal.aborted) {
        const startedMs = clock.monotonicMs();
        await safely();
        await pause(Math.max(100, lookEveryMs - (clock.monotonicMs() - startedMs)), signal);
      }
    },
    tick,
    view: async () => {
      watchedUntilMs = clock.monotonicMs() + watchedMs;
      await (recovery ??= acts.recover());
      return guardView({
        deps,
        acts,
        suspects,
        figures,
        settings,
        pressures,
        yielding: precedence.yielding(),
      });
    },
    change: async (actor, patch) => {
      const parsed = guardSettingsPatchSchema.safeParse(patch);
      if (!parsed.success) throw invalidFields(parsed.error.issues);
      const before = await readSettings();
      const after = { ...before, ...parsed.data };
      const nowMs = clock.nowMs();
      await store.transaction(async (queries) => {
        await queries.putSetting(settingsKey, JSON.stringify(after), nowMs);
        await queries.insertAudit(
          auditEntry(actor, "guard.change", { type: "setting", id: settingsKey }, { before, after }, nowMs),
        );
      });
      asked = after;
      if (figures) settings = settingsFor(after, figures);
    },
    release: async (actor, slug) => {
      const sites = (await deps.sites()).filter((site: GuardSite) => site.slug === slug);
      const ids = new Set(sites.map(({ environmentId }) => environmentId));
      const held = acts.all.filter(({ environmentId }) => environmentId !== null && ids.has(environmentId));
      if (held.length === 0) throw conflict(`the host guard holds nothing of ${slug}`);
      ladder.spare([...ids]);
      await store.insertAudit(
        auditEntry(
          actor,
          "guard.release",
          { type: "site", id: sites[0]!.siteId },
          { before: held.map(({ kind, reason }) => ({ kind, reason })) },
          clock.nowMs(),
        ),
      );
      for (const act of held.toReversed()) await acts.undo(act);
    },
    buildObstacle: (need) => (deps.isOn ? buildObstacle(need, figures, acts.all) : null),
  };
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
