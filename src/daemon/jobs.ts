import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Store } from "../db/store.ts";
import type { Clock } from "../domain/clock.ts";
import type { Engine } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import type { EdgeClient } from "../edge/client.ts";
import type { Identity } from "../identity/identity.ts";
import { type Job, type Jobs, startJobs } from "../jobs/schedule.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { UsageDeps } from "../usage/deps.ts";
import { pruneUsage } from "../usage/prune.ts";
import { rollUp } from "../usage/roll-up.ts";
import { createSampler } from "../usage/sampler.ts";
import { tidyRepository } from "../git/source.ts";
import { liveEnvironments } from "./live-environments.ts";
import type { DataPaths } from "./paths.ts";

interface JobWiring {
  supervisor: Supervisor;
  usage: UsageDeps;
  identity: Identity;
  store: Store;
  /** Of all running replicas, noted on the way. */
  readings: Engine["readings"];
  edge: EdgeClient;
  clock: Clock;
  log: Log;
  paths: DataPaths;
  diskSeconds: number;
  /** Of parts that know best themselves: backups, claims of domains. */
  more: Job[];
}

/** One at a time: packing a large repository takes a core for a while. */
const tidyRepositories = async (paths: DataPaths, signal: AbortSignal): Promise<void> => {
  for (const name of await readdir(paths.repositories)) {
    if (signal.aborted) return;
    await tidyRepository({ repoPath: join(paths.repositories, name), signal });
  }
};

/** Everything that happens by the clock. */
export const startCroftJobs = (wiring: JobWiring): Jobs => {
  const { supervisor, usage, identity, store, edge, clock, log } = wiring;
  const sampler = createSampler({
    readings: wiring.readings,
    meters: edge.meters,
    environments: () => liveEnvironments(store),
    files: usage.files,
    clock,
    log,
  });
  return startJobs(
    [
      { name: "usage sample", when: { everySeconds: usage.sampleSeconds }, run: sampler.sampleOnce },
      { name: "usage roll-up", when: "10 * * * * *", atStart: true, run: (signal) => rollUp(usage, signal) },
      { name: "usage prune", when: "30 17 3 * * *", run: (signal) => pruneUsage(usage, signal) },
      { name: "limits", when: { everySeconds: 60 }, run: supervisor.keepLimits },
      { name: "disk", when: { everySeconds: wiring.diskSeconds }, run: supervisor.keepDisk },
      { name: "ended sessions", when: "0 40 3 * * *", run: identity.pruneSessions },
      { name: "repositories", when: "0 5 4 * * *", run: (signal) => tidyRepositories(wiring.paths, signal) },
      ...wiring.more,
    ],
    { log },
  );
};
