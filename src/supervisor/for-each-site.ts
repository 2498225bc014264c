import { AppError } from "../errors.ts";
import type { SupervisorDeps } from "./deps.ts";

/**
 * Does something for one site after the other, or for a few at once, begun in their order. One that resists, such as
 * an app that spoilt its own container, is logged and must not keep the others from being looked after; without the
 * engine none can be.
 * @throws AppError `engine_unavailable`, once nothing is under way any more
 */
export const forEachSite = async <T extends { slug: string }>(
  deps: Pick<SupervisorDeps, "log">,
  sites: readonly T[],
  look: (site: T) => Promise<void>,
  atOnce = 1,
): Promise<void> => {
  const rest = sites.values();
  let away: AppError | null = null;
  const work = async (): Promise<void> => {
    for (const site of rest) {
      if (away !== null) return;
      try {
        await look(site);
      } catch (error) {
        if (error instanceof AppError && error.code === "engine_unavailable") away ??= error;
        else
          deps.log.error("a site could not be put right; the next pass tries again", {
            site: site.slug,
            error,
          });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  if (away !== null) throw away;
};
