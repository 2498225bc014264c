import { z } from "zod";
import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { storageKinds, type StorageView } from "../domain/housekeeping.ts";
import { formatBytes } from "../domain/size.ts";
import { conflict } from "../errors.ts";
import type { HousekeepingDeps } from "./deps.ts";
import { freshMs, type Survey, takeSurvey } from "./survey.ts";

export interface Housekeeping {
  /** What was counted last; begins to count anew when that is old. Waits for nothing that is slow. */
  view(): Promise<StorageView>;
  /** Counts now, or joins who is at it. */
  count(): Promise<StorageView>;
  /**
   * Removes what nothing needs, volumes and releases that are kept never.
   * @throws AppError `conflict` while it is under way, `engine_unavailable`
   */
  clean(actor: Actor): Promise<{ freedBytes: number }>;
  /** By policy, as a job: what a next build could use stays its days. */
  tidy(): Promise<void>;
}

/** A figure that is older is counted anew when somebody looks. */
const staleMs = 10 * 60_000;
const surveyKey = "storage_survey";
const cleanKey = "storage_clean";

const surveySchema = z.object({
  countedAtMs: z.number(),
  parts: z.array(
    z.object({ kind: z.enum(storageKinds), bytes: z.number().nullable(), freeableBytes: z.number() }),
  ),
  sites: z.array(z.object({ site: z.string(), bytes: z.number() })),
});
const cleanSchema = z.object({ atMs: z.number(), freedBytes: z.number() });

const stored = async <T>(deps: HousekeepingDeps, key: string, schema: z.ZodType<T>): Promise<T | null> => {
  const parsed = schema.safeParse(JSON.parse((await deps.store.setting(key)) ?? "null"));
  return parsed.success ? parsed.data : null;
};

/** Disk space: what takes it, and what is given back. */
export const createHousekeeping = (deps: HousekeepingDeps): Housekeeping => {
  let counting: Promise<Survey> | null = null;
  let cleaning = false;

  const count = (): Promise<Survey> =>
    (counting ??= (async () => {
      try {
        const survey = await takeSurvey(deps);
        await deps.store.putSetting(surveyKey, JSON.stringify(survey), survey.countedAtMs);
        return survey;
      } finally {
        counting = null;
      }
    })());

  const viewOf = async (survey: Survey | null): Promise<StorageView> => {
    const last = await stored(deps, cleanKey, cleanSchema);
    return {
      countedAt: survey && new Date(survey.countedAtMs).toISOString(),
      counting: counting !== null,
      parts: survey?.parts ?? [],
      sites: survey?.sites ?? [],
      disk: await deps.disk(),
      lastClean: last && { at: new Date(last.atMs).toISOString(), freedBytes: last.freedBytes },
    };
  };

  const imageBytes = async (): Promise<number> =>
    (await deps.imagesOnDisk()).reduce((sum, { bytes }) => sum + bytes, 0);

  const noteFreed = async (freedBytes: number): Promise<void> => {
    const nowMs = deps.clock.nowMs();
    await deps.store.putSetting(cleanKey, JSON.stringify({ atMs: nowMs, freedBytes }), nowMs);
  };

  return {
    view: async () => {
      const survey = await stored(deps, surveyKey, surveySchema);
      if (survey === null || deps.clock.nowMs() - survey.countedAtMs > staleMs)
        count().catch((error) => deps.log.warn("disk space could not be counted", { error }));
      return viewOf(survey);
    },
    count: async () => viewOf(await count()),
    clean: async (actor) => {
      if (cleaning) throw conflict("it is being tidied up already");
      cleaning = true;
      try {
        const before = await imageBytes();
        await deps.sweepImages();
        await deps.pruneBuildCache(freshMs / 1000);
        const freedBytes = Math.max(0, before - (await imageBytes()));
        const nowMs = deps.clock.nowMs();
        await deps.store.insertAudit(
          auditEntry(actor, "host.clean", { type: "host", id: "host" }, { after: { freedBytes } }, nowMs),
        );
        await noteFreed(freedBytes);
        // One that began before would still show what is gone.
        await counting?.catch(() => {});
        await count();
        return { freedBytes };
      } finally {
        cleaning = false;
      }
    },
    tidy: async () => {
      const freedBytes = await deps.pruneBuildCache(await deps.buildCacheSeconds());
      if (freedBytes === 0) return;
      deps.log.info("build cache tidied", { freed: formatBytes(freedBytes) });
      await noteFreed(freedBytes);
    },
  };
};
