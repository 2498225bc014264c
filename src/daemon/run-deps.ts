import type { Store } from "../db/store.ts";
import type { Clock } from "../domain/clock.ts";
import type { Engine } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import { invalid } from "../errors.ts";
import type { Job } from "../jobs/schedule.ts";
import { nextTime } from "../jobs/next-time.ts";
import { defaultRunSettings } from "../runs/deps.ts";
import { createRuns } from "../runs/runs.ts";
import { reachSite } from "../sites/access.ts";
import type { SiteDeps } from "../sites/deps.ts";
import type { SupervisorDeps } from "../supervisor/deps.ts";
import { oneOffSpec } from "../supervisor/one-off-spec.ts";

interface RunWiring {
  store: Store;
  engine: Engine;
  engineUp(): boolean;
  clock: Clock;
  log: Log;
  sites: SiteDeps;
  supervisor: SupervisorDeps;
  wake(environmentId: string): Promise<unknown>;
  openSecret(ciphertext: string, place: string): Promise<string>;
}

/** One-off commands, terminals and scheduled jobs, wired. */
export const runDeps = (wiring: RunWiring) => {
  const { store, engine, engineUp, clock, log, openSecret } = wiring;
  const runs = createRuns({
    store,
    engine,
    engineUp,
    clock,
    log,
    openSecret,
    settings: defaultRunSettings,
    reachSite: (actor, slug, action, environment) =>
      reachSite(wiring.sites, actor, slug, action, environment),
    wake: wiring.wake,
    specOf: (environmentId, releaseId) => oneOffSpec(wiring.supervisor, environmentId, releaseId),
    nextTime: (schedule, timeZone, afterMs) => {
      try {
        return nextTime(schedule, timeZone, afterMs);
      } catch (cause) {
        const reason = (cause as Error).message.replace(/^CronPattern: /, "").replace(/\.$/, "");
        throw invalid("schedule", `is not understood: ${reason}`);
      }
    },
  });
  const job: Job = { name: "left-over commands", when: "20 */10 * * * *", run: runs.tidy };
  return {
    runs,
    job,
    /** A site was deleted. */
    siteDeleted: (siteId: string): void =>
      void store
        .environmentsOfSite(siteId)
        .then((environments) => runs.endOf(environments.map(({ id }) => id)))
        .catch((error) => log.warn("commands of a deleted site go on", { site: siteId, error })),
  };
};
