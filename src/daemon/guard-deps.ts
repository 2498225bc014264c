import { cpus } from "node:os";
import type { Store } from "../db/store.ts";
import type { Clock } from "../domain/clock.ts";
import type { Engine } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import { buildsMeter, type GuardDeps, type GuardSite } from "../guard/deps.ts";
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
    const internal = await store.internalEnvironments();
    const runs = (await store.openRuns()).filter(
      ({ status, replicaId }) => status === "running" && replicaId === null,
    );
    const commands = Map.groupBy(runs, (run) => run.environmentId);
    return (await store.liveEnvironments()).map((environment) => ({
      siteId: environment.siteId,
      environmentId: environment.id,
      slug: environment.slug,
      environment: environment.name,
      cpuMillicores: environment.cpuMillicores,
      isInternal: internal.has(environment.id),
      replicaIds: [...(replicas.get(environment.id) ?? []), ...(commands.get(environment.id) ?? [])].map(
        ({ id }) => id,
      ),
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
      const commands = await engine.usesOfOneOffs(withWrites);
      const replicas = readings.map(({ replicaId, cpuNanos, memoryBytes, pids }) => ({
        replicaId,
        cpuNanos,
        memoryBytes,
        pids,
        writtenBytes: writes.get(replicaId)?.writtenBytes ?? null,
        loggedBytes: writes.get(replicaId)?.loggedBytes ?? null,
      }));
      const builds = await engine.useOfBuilds(withWrites);
      if (builds) replicas.push({ replicaId: buildsMeter, loggedBytes: null, ...builds });
      return [...replicas, ...commands.map(({ runId, ...use }) => ({ replicaId: runId, ...use }))];
    },
    letOthersFirst: engine.letOthersFirst,
    apply: supervisor.applyGuard,
    sleepIdle: supervisor.sleepIdle,
  };
};
