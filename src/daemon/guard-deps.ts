import { cpus } from "node:os";
import type { Store } from "../db/store.ts";
import type { Clock } from "../domain/clock.ts";
import type { Engine } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import type { GuardDeps, GuardSite } from "../guard/deps.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";

/** What the host guard needs, met by store, engine and supervisor. */
export const guardDeps = (wiring: {
  isOn: boolean;
  store: Store;
  engine: Engine;
  supervisor: Supervisor;
  clock: Clock;
  log: Log;
  dataDir: string;
}): GuardDeps => {
  const { store, engine, supervisor, clock, log } = wiring;
  const engineUp = (): boolean => supervisor.engineStatus().up;

  const sites = async (): Promise<GuardSite[]> => {
    const replicas = Map.groupBy(await store.liveReplicas(), (replica) => replica.environmentId);
    // Others stand still with what they depend on: a database, a cache.
    const internal = await store.internalEnvironments();
    const environments = (await store.liveEnvironments()).filter(({ id }) => !internal.has(id));
    return environments.map((environment) => ({
      siteId: environment.siteId,
      environmentId: environment.id,
      slug: environment.slug,
      environment: environment.name,
      cpuMillicores: environment.cpuMillicores,
      replicaIds: (replicas.get(environment.id) ?? []).map(({ id }) => id),
    }));
  };

  return {
    store,
    clock,
    log,
    isOn: wiring.isOn,
    cores: cpus().length,
    sites,
    folders: async () => {
      const engineFolder = engineUp() ? await engine.dataFolder().catch(() => null) : null;
      return engineFolder === null ? [wiring.dataDir] : [wiring.dataDir, engineFolder];
    },
    consumption: async (withWrites) => {
      if (!engineUp()) return [];
      const readings = await engine.readings();
      const writes = new Map((await engine.writes(withWrites)).map((one) => [one.replicaId, one]));
      return readings.map(({ replicaId, cpuNanos, memoryBytes, pids }) => ({
        replicaId,
        cpuNanos,
        memoryBytes,
        pids,
        writtenBytes: writes.get(replicaId)?.writtenBytes ?? null,
        loggedBytes: writes.get(replicaId)?.loggedBytes ?? null,
      }));
    },
    letOthersFirst: engine.letOthersFirst,
    apply: supervisor.applyGuard,
    sleepIdle: supervisor.sleepIdle,
  };
};
