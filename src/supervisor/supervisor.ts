import { startWindowMs, webProcess } from "../domain/process.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { type HealthCheck, healthCheckSchema } from "../domain/site.ts";
import type { EngineInfo } from "../domain/engine.ts";
import { AppError } from "../errors.ts";
import { cleanUpDeletedSites } from "./clean-up.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { tellBack, tellLost } from "./engine-events.ts";
import { endPauses } from "./end-pauses.ts";
import { holdOrLetGo } from "./guard-hold.ts";
import { createLimitKeeper } from "./keep-limits.ts";
import { createDiskWatch } from "./disk/watch-disk.ts";
import { keepLinks } from "./links.ts";
import { launchReplica, removeReplicas } from "./launch-replica.ts";
import { noteBandwidth } from "./note-bandwidth.ts";
import { probe } from "./probe.ts";
import { createSleepControl, type SleepControl } from "./sleep/sleep-control.ts";
import { noScaling } from "./scaling.ts";
import { createRoutePublisher, type RoutePublisher } from "./publish-routes.ts";
import { changeLongestFile, mountAllVolumes } from "./volumes.ts";
import { reconcile, type ReconcileState } from "./reconcile.ts";
import { createStartQueue } from "./start-queue.ts";

export interface EngineStatus {
  up: boolean;
  /** For people, null while it answers. */
  message: string | null;
  info: EngineInfo | null;
}

export interface Supervisor extends Omit<SleepControl, "start" | "follow" | "isExpected"> {
  /** Runs until the signal; resolves when its last pass is through. */
  start(signal: AbortSignal): Promise<void>;
  /** Asks for a pass soon; passes never overlap. */
  kick(): void;
  /** Runs a pass now, or joins the one that begins next; resolves when it is through. */
  pass(): Promise<void>;
  engineStatus(): EngineStatus;
  edgeUp(): boolean;
  /** Called by jobs. */
  keepLimits(): Promise<void>;
  keepDisk(): Promise<void>;
  applyLimits(environmentId: string): Promise<void>;
  /** Brings an environment in line with what the host guard holds of it. Idempotent. */
  applyGuard(environmentId: string): Promise<void>;
  launch(environmentId: string, releaseId: string, process?: string): Promise<ReplicaRecord>;
  remove(replicaIds: string[], graceSeconds: number): Promise<void>;
  /** Linked sites find an environment's present replicas by name. */
  connect(environmentId: string): Promise<void>;
  routes: RoutePublisher;
}

const fullPassMs = 10_000;
/** Docker takes about as long for more at once, and what else it is asked waits behind them. */
const startsAtOnce = 8;

export const createSupervisor = (deps: SupervisorDeps): Supervisor => {
  const limits = createLimitKeeper(deps);
  const disk = createDiskWatch(deps, () => kick());
  let status: EngineStatus = { up: false, message: "Docker has not answered yet", info: null };
  const launchAfterMs: ReconcileState["launchAfterMs"] = new Map();
  const routes = createRoutePublisher(
    deps,
    (id) => !status.up || (launchAfterMs.get(id) ?? 0) > deps.clock.nowMs(),
  );
  let wake: () => void = () => {};
  let kicked = false;
  let lifetime: AbortSignal = AbortSignal.abort();
  let waiting: (() => void)[] = [];

  const sleep = createSleepControl({
    deps,
    routes,
    engineUp: () => status.up,
    warmUp: (environment, replica) => void warmUp(environment, replica),
    kick: () => kick(),
  });

  const state: ReconcileState = {
    readAtMs: 0,
    followSleeper: sleep.follow,
    memoryKills: new Map(),
    pausedSince: new Map(),
    asleep: new Set(),
    scaling: noScaling,
    standStill: disk.held,
    engineIsNew: "first",
    sinceMs: deps.clock.nowMs(),
    endedWithEngine: false,
    restarted: 0,
    starts: createStartQueue(startsAtOnce, (replicaId, error) => {
      if (lifetime.aborted || (error instanceof AppError && error.code === "engine_unavailable")) return;
      deps.log.warn("a container could not be started again; the next pass tries", {
        replica: replicaId,
        error,
      });
    }),
    ranks: new Map(),
    kick: () => kick(),
    warming: new Set(),
    launchAfterMs,
    warmUp: (environment, replica) => void warmUp(environment, replica),
    retire: (replicas, drain = false) =>
      void retire(
        replicas.map((replica) => replica.id),
        drain,
      ),
  };

  /** Beside the passes: an app may use up its whole grace, and other sites must not wait for it. */
  const retiring = new Set<string>();
  const retire = async (replicaIds: string[], drain: boolean): Promise<void> => {
    const ids = replicaIds.filter((id) => !retiring.has(id));
    if (ids.length === 0) return;
    for (const id of ids) retiring.add(id);
    try {
      // From here on they serve nobody, even when the site is started again meanwhile.
      for (const id of ids) await deps.store.updateReplica(id, { state: "draining" });
      if (drain) {
        await routes.publish(AbortSignal.timeout(10_000));
        // An edge that is away has nothing in flight.
        await deps.drain(ids).catch(() => {});
      }
      await removeReplicas(deps, ids, deps.stopGraceSeconds);
      kick();
    } catch (error) {
      if (!lifetime.aborted)
        deps.log.warn("replicas are not stopped yet; the next pass tries again", { replicas: ids, error });
    } finally {
      for (const id of ids) retiring.delete(id);
    }
  };

  /** Beside the passes, too, one at a time. */
  let cleaning = false;
  const cleanUp = async (): Promise<void> => {
    if (cleaning) return;
    cleaning = true;
    try {
      await cleanUpDeletedSites(deps);
    } catch (error) {
      if (!lifetime.aborted)
        deps.log.warn("deleted sites are not removed yet; the next pass tries again", { error });
    } finally {
      cleaning = false;
    }
  };

  /** What answers nobody is well once it has run for a while. */
  const isReady = async (replica: ReplicaRecord, check: HealthCheck, host: string): Promise<boolean> => {
    if (replica.process === webProcess) return (await probe(replica, check, host, lifetime)).ok;
    await Bun.sleep(startWindowMs);
    return true;
  };

  /** Lets visitors in once a (re)started replica answers; one that dies meanwhile is seen by the next pass. */
  const warmUp = async (environment: LiveEnvironment, replica: ReplicaRecord): Promise<void> => {
    if (state.warming.has(replica.id)) return;
    state.warming.add(replica.id);
    try {
      const check = healthCheckSchema.parse(JSON.parse(environment.healthCheck));
      const host = deps.hostOf(environment.slug, environment.name);
      const deadlineMs = deps.clock.monotonicMs() + check.deadlineSeconds * 1000;
      for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 1.6, check.intervalSeconds * 1000)) {
        // It may have ended and been started once more meanwhile, at another address.
        const row = await deps.store.replicaById(replica.id);
        if (lifetime.aborted || row?.state !== "starting") return;
        const ok = await isReady(row, check, host);
        if (lifetime.aborted) return;
        // Past the deadline it serves all the same: it did pass its check when it was released.
        if (ok || deps.clock.monotonicMs() > deadlineMs) break;
        await Bun.sleep(pauseMs);
      }
      const running = { state: "running" as const, startedAt: deps.clock.nowMs() };
      if (!(await deps.store.moveReplica(replica.id, "starting", running))) return;
      await routes.publish(AbortSignal.timeout(10_000));
      // A restart one after the other goes on with the next.
      kick();
    } catch (error) {
      deps.log.warn("a restarted replica is not in service yet", { replica: replica.id, error });
    } finally {
      state.warming.delete(replica.id);
    }
  };

  const noteEngine = (up: EngineInfo | AppError): void => {
    if (!(up instanceof AppError)) {
      deps.log.info("engine answers", { version: up.version });
      status = { up: true, message: null, info: up };
      return;
    }
    const message = up.publicMessage;
    if (status.up || status.message !== message) deps.log.warn("engine does not answer", { message });
    status = { up: false, message, info: status.info };
  };

  const onePass = async (): Promise<number | null> => {
    let dueMs: number | null;
    try {
      // Asking for its facts costs the engine a fifth of a second, so only when it was away.
      if (!status.up) noteEngine(await deps.engine.info());
      dueMs = await reconcile(deps, state);
      if (state.engineIsNew !== null) await tellBack(deps, state.restarted);
      state.engineIsNew = null;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "engine_unavailable") throw error;
      noteEngine(error);
      state.engineIsNew ??= "back";
      await tellLost(deps, error.publicMessage);
      await routes.publish(AbortSignal.timeout(5000)).catch(() => {});
      return null;
    }
    const resumeMs = await endPauses(deps);
    await noteBandwidth(deps);
    await routes.publish(AbortSignal.timeout(10_000));
    void cleanUp();
    return resumeMs === null ? dueMs : Math.min(dueMs ?? resumeMs, resumeMs);
  };

  const loop = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      kicked = false;
      const joined = waiting;
      waiting = [];
      let pauseMs = fullPassMs;
      try {
        const dueMs = await onePass();
        if (dueMs !== null) pauseMs = Math.max(50, Math.min(pauseMs, dueMs - deps.clock.nowMs()));
        if (!status.up) pauseMs = 2000;
      } catch (error) {
        deps.log.error("supervisor pass failed; the next one tries again", { error });
        pauseMs = 2000;
      }
      for (const done of joined) done();
      // A signal that came during the pass would not wake it.
      if (!kicked && !signal.aborted) await sleepUntilWoken(pauseMs, signal);
    }
    for (const done of waiting) done();
  };

  const sleepUntilWoken = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end, { once: true });
      wake = end;
    });

  /** Whoever changed them, they are as asked a moment later. */
  const limitsChanged = async (replicaId: string): Promise<void> => {
    try {
      const row = await deps.store.replicaById(replicaId);
      if (row && row.state !== "removed") await limits.keep(row.environmentId);
    } catch (error) {
      if (!lifetime.aborted)
        deps.log.warn("changed limits were not looked at yet", { replica: replicaId, error });
    }
  };

  const kick = (): void => {
    kicked = true;
    wake();
  };

  return {
    start: (signal) => {
      lifetime = signal;
      signal.addEventListener("abort", state.starts.clear, { once: true });
      sleep.start(signal);
      void mountAllVolumes(deps);
      deps.engine.watch((event) => {
        if (event.kind === "oom") state.memoryKills.set(event.replicaId, { atMs: event.atMs, told: false });
        // Whoever starts one looks after it.
        if (event.kind === "start") return;
        if (event.kind === "updated") void limitsChanged(event.replicaId);
        else if (event.kind !== "touched" || !sleep.isExpected(event.replicaId)) kick();
      }, signal);
      return Promise.all([loop(signal), disk.run(signal)]).then(() => {});
    },
    kick,
    pass: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        kick();
      }),
    engineStatus: () => status,
    edgeUp: routes.edgeUp,
    keepLimits: async () => {
      if (status.up) await limits.keepAll();
    },
    keepDisk: async () => {
      if (status.up && (await disk.count())) kick();
    },
    applyLimits: async (environmentId) => {
      await limits.apply(environmentId);
      await changeLongestFile(deps, environmentId).catch((error) =>
        deps.log.warn("how long files may get was not changed", { environmentId, error }),
      );
      void disk
        .countOne(environmentId)
        .catch((error) => deps.log.warn("a site's disk was not counted", { error }));
      await routes.publish(AbortSignal.timeout(5000)).catch(() => {});
    },
    applyGuard: async (environmentId) => {
      // First what helps at once: engines take seconds to change limits of what fights for memory.
      await holdOrLetGo(deps, environmentId, () => routes.publish(AbortSignal.timeout(5000)).catch(() => {}));
      await limits.apply(environmentId);
    },
    launch: (environmentId, releaseId, process) => launchReplica(deps, environmentId, releaseId, process),
    connect: (environmentId) => keepLinks(deps, environmentId),
    remove: (replicaIds, graceSeconds) => removeReplicas(deps, replicaIds, graceSeconds),
    putToSleep: sleep.putToSleep,
    sleep: sleep.sleep,
    wake: sleep.wake,
    sleepIdle: sleep.sleepIdle,
    sleeping: sleep.sleeping,
    lastActiveAt: sleep.lastActiveAt,
    keptAwake: sleep.keptAwake,
    routes,
  };
};
