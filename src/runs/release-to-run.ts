import type { EnvironmentRecord, ReleaseRecord, SiteRecord } from "../domain/records.ts";
import { conflict } from "../errors.ts";
import type { RunsDeps } from "./deps.ts";

/** The release whose image a command runs in. @throws AppError `conflict` where there is none */
export const releaseToRun = async (
  deps: Pick<RunsDeps, "store">,
  site: SiteRecord,
  environment: EnvironmentRecord,
): Promise<ReleaseRecord> => {
  const id = environment.currentReleaseId;
  const release = id === null ? undefined : await deps.store.releaseById(id);
  if (!release) throw conflict(`${site.slug} has no release yet; deploy it first`);
  if (release.imageId === null)
    throw conflict(`${site.slug} is a static site: it has no image that a command could run in`);
  return release;
};
