import { AppError } from "../errors.ts";
import type { SupervisorDeps } from "./deps.ts";

/**
 * Does something for one site after the other. One that resists, such as an app that spoilt its own container, is
 * logged and must not keep the others from being looked after; without the engine none can be.
 * @throws AppError `engine_unavailable`
 */
export const forEachSite = async <T extends { slug: string }>(
  deps: Pick<SupervisorDeps, "log">,
  sites: readonly T[],
  look: (site: T) => Promise<void>,
): Promise<void> => {
  for (const site of sites)
    try {
      await look(site);
    } catch (error) {
      if (error instanceof AppError && error.code === "engine_unavailable") throw error;
      deps.log.error("a site could not be put right; the next pass tries again", { site: site.slug, error });
    }
};
