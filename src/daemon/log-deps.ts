import type { Store } from "../db/store.ts";
import { createContainerOutputs } from "../docker/container-outputs.ts";
import type { LogSource } from "../domain/app-log.ts";
import type { Clock } from "../domain/clock.ts";
import type { Engine } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { frozenVariables } from "../domain/release.ts";
import type { Job } from "../jobs/schedule.ts";
import { createCollector } from "../logs/collector.ts";
import { openLogStore } from "../logs/log-store.ts";
import { searchLimit } from "../logs/search-limit.ts";
import type { SiteLogsDeps } from "../logs/site-logs.ts";
import { unstoredLogs } from "../logs/unstored.ts";
import type { RetentionDeps } from "../retention/deps.ts";
import { prune } from "../retention/prune.ts";
import { logKeep } from "../retention/settings.ts";
import type { DataPaths } from "./paths.ts";

export interface LogWiring {
  store: Store;
  engine: Engine;
  dockerHost: string;
  paths: DataPaths;
  openSecret(ciphertext: string, place: string): Promise<string>;
  clock: Clock;
  log: Log;
}

/** What sites print, kept: of replicas, and of runs of jobs. */
export const logParts = ({ store, engine, dockerHost, paths, openSecret, clock, log }: LogWiring) => {
  /** A release's number never changes. */
  const numbers = new Map<string, number>();
  const numberOf = async (releaseId: string | null): Promise<number | null> => {
    if (releaseId === null) return null;
    const known = numbers.get(releaseId);
    if (known !== undefined) return known;
    const release = await store.releaseById(releaseId);
    if (release) numbers.set(releaseId, release.number);
    return release?.number ?? null;
  };
  const ofReplica = async (row: ReplicaRecord): Promise<LogSource> => ({
    replicaId: row.id,
    containerId: row.containerId,
    environmentId: row.environmentId,
    release: await numberOf(row.releaseId),
    process: row.process,
    secretsOf: row.releaseId,
  });
  const ofRun = async (run: Awaited<ReturnType<Store["openRuns"]>>[number]): Promise<LogSource> => ({
    replicaId: run.id,
    containerId: null,
    environmentId: run.environmentId,
    release: await numberOf(run.releaseId),
    process: `job:${(run.jobId === null ? undefined : await store.jobById(run.jobId))?.name ?? run.id}`,
    secretsOf: run.releaseId ?? "",
  });
  const sources = async (): Promise<LogSource[]> => {
    const rows = (await store.liveReplicas()).filter((row) => row.containerId !== null);
    // What people type and see in a terminal is theirs.
    const runs = (await store.openRuns()).filter((run) => run.kind === "job" && run.status === "running");
    return Promise.all([...rows.map(ofReplica), ...runs.map(ofRun)]);
  };
  const secrets = async ({ secretsOf, environmentId }: LogSource): Promise<string[]> => {
    const release = await store.releaseById(secretsOf);
    return Promise.all(
      frozenVariables(release?.env ?? "[]")
        .filter((variable) => variable.isSecret === 1)
        .map(({ key, ciphertext }) => openSecret(ciphertext, `env:${environmentId}:${key}`)),
    );
  };

  const logStore = openLogStore({
    dir: paths.siteLogs,
    keep: (environmentId) => logKeep(store, environmentId),
    log,
  });
  const collector = createCollector({
    store: logStore,
    outputs: createContainerOutputs(dockerHost),
    sources,
    sourceOf: async (id) => {
      const row = await store.replicaById(id);
      if (row) return row.containerId === null ? null : ofReplica(row);
      const run = await store.runById(id);
      return run?.kind === "job" ? ofRun(run) : null;
    },
    secrets,
    clock,
    log,
  });

  const retention = (reachSite: SiteLogsDeps["reachSite"]): RetentionDeps => ({
    store,
    clock,
    log,
    reachSite,
    logUse: async (environmentId) => {
      if (!collector.isOn()) return null;
      const siteLog = await logStore.of(environmentId);
      return { usedBytes: siteLog.bytes(), oldestMs: siteLog.segments()[0]?.fromMs ?? null };
    },
  });

  const jobs: Job[] = [
    {
      name: "sites' logs",
      when: "0 25 * * * *",
      atStart: true,
      run: async (signal) => logStore.tend(new Set(await store.environmentIds()), clock.nowMs(), signal),
    },
    {
      name: "old rows",
      when: "0 50 3 * * *",
      run: (signal) =>
        prune(
          retention(() => Promise.reject(new Error("asked by nobody"))),
          signal,
        ),
    },
  ];

  return {
    collector,
    /** Bytes on disk of what is kept of an environment's output; they do not count against its disk limit. */
    logBytes: logStore.bytes,
    remove: async (environmentId: string): Promise<void> => {
      await collector.forget(environmentId);
      await logStore.remove(environmentId);
    },
    jobs,
    retention,
    /** The engine, with what containers print taken in before they are removed. */
    engine: {
      ...engine,
      async startReplica(spec) {
        const state = await engine.startReplica(spec);
        collector.notice();
        return state;
      },
      async removeReplica(replicaId) {
        await collector.drain(replicaId);
        await engine.removeReplica(replicaId);
      },
      async startOneOff(spec, onOutput) {
        const running = await engine.startOneOff(spec, onOutput);
        if (spec.keepOutput) collector.notice();
        return running;
      },
      async removeOneOff(runId) {
        await collector.drain(runId);
        await engine.removeOneOff(runId);
      },
    } satisfies Engine as Engine,
    routes: (reachSite: SiteLogsDeps["reachSite"]): SiteLogsDeps => ({
      reachSite,
      store: logStore,
      collector,
      unstored: unstoredLogs({
        engine,
        sourcesOf: async (environmentId) =>
          Promise.all(
            (await store.liveReplicasOf(environmentId))
              .filter((row) => row.containerId !== null)
              .map(ofReplica),
          ),
        secrets,
        nowMs: clock.nowMs,
      }),
      limit: searchLimit(),
      insertAudit: store.insertAudit,
      clock,
    }),
  };
};
