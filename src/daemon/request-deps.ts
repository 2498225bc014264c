import { join } from "node:path";
import { openPathHours } from "../db/path-hours.ts";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import { openAccessLogs } from "../edge/access-log/read-log.ts";
import { pathFolder } from "../edge/paths/path-store.ts";
import type { Job } from "../jobs/schedule.ts";
import type { RequestDeps } from "../requests/deps.ts";
import { keepPaths } from "../requests/top-paths.ts";
import { reachSite } from "../sites/access.ts";
import type { SiteDeps } from "../sites/deps.ts";
import type { DataPaths } from "./paths.ts";

/** What the edge leaves of single requests, for those who look at it. */
export const requestDeps = ({
  paths,
  sites,
  clock,
  log,
}: {
  paths: DataPaths;
  sites: SiteDeps;
  clock: Clock;
  log: Log;
}) => {
  const pathHours = openPathHours(join(paths.usage, "paths.db"), pathFolder(paths.edge), { log });
  const deps: RequestDeps = {
    reachSite: (actor, slug, action, environment) => reachSite(sites, actor, slug, action, environment),
    logs: openAccessLogs(paths.edge),
    paths: pathHours,
    clock,
  };
  const job: Job = {
    name: "counts by path",
    when: "20 */10 * * * *",
    atStart: true,
    run: (signal) => keepPaths(deps, signal),
  };
  return { deps, job, close: () => pathHours.close() };
};
