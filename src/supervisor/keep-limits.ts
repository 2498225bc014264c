import { cpuSharesOf, holdsShares } from "../domain/cpu-share.ts";
import type { ContainerLimits } from "../domain/engine.ts";
import type { AppliedLimits } from "../domain/limits.ts";
import { webProcess } from "../domain/process.ts";
import type { EnvironmentRecord } from "../domain/records.ts";
import type { SupervisorDeps } from "./deps.ts";
import { forEachSite } from "./for-each-site.ts";
import { createDriftTeller, type TellDrift } from "./drift-event.ts";
import { throttled } from "./guard-throttle.ts";
import { limitsFor } from "./process-limits.ts";
import { withBurst } from "./with-burst.ts";

const agrees = (applied: AppliedLimits, asked: ContainerLimits): boolean =>
  // The kernel rounds memory to pages.
  applied.memoryBytes !== null &&
  Math.abs(applied.memoryBytes - asked.memoryBytes) < 4096 &&
  // Not every kernel counts swap: doctor tells of it.
  (applied.memorySwapBytes === null || applied.memorySwapBytes === applied.memoryBytes) &&
  applied.cpuMillicores === asked.cpuMillicores &&
  holdsShares(applied, cpuSharesOf(asked.weightMillicores ?? asked.cpuMillicores)) &&
  applied.pids === asked.pids;

/** Unchanged figures are written down anew this seldom: each write waits for the disk. */
const rewriteAfterMs = 5 * 60_000;

const isRecorded = (environment: EnvironmentRecord, applied: AppliedLimits): boolean => {
  if (environment.appliedLimits === null) return false;
  const recorded = JSON.parse(environment.appliedLimits) as AppliedLimits;
  return (
    applied.readAtMs - recorded.readAtMs < rewriteAfterMs &&
    JSON.stringify({ ...recorded, readAtMs: 0 }) === JSON.stringify({ ...applied, readAtMs: 0 })
  );
};

const record = (deps: SupervisorDeps, environment: EnvironmentRecord, applied: AppliedLimits) =>
  deps.store.updateEnvironment(environment.id, { appliedLimits: JSON.stringify(applied) });

/** Stores what the kernel holds this replica to. */
export const readBackLimits = async (
  deps: SupervisorDeps,
  environment: EnvironmentRecord,
  replicaId: string,
): Promise<AppliedLimits | null> => {
  const applied = await deps.engine.appliedLimits(replicaId);
  if (applied) await record(deps, environment, applied);
  return applied;
};

/**
 * One at a time for each environment, and on its row as it is then: whoever changes limits while all are looked
 * through must not have the old ones put back.
 */
export const createLimitKeeper = (deps: SupervisorDeps) => {
  const tails = new Map<string, Promise<unknown>>();
  const tellDrift = createDriftTeller(deps);
  const inLine = async (environmentId: string, tellDrift: TellDrift | null): Promise<void> => {
    const mine = (tails.get(environmentId) ?? Promise.resolve()).then(() =>
      bringInLine(deps, environmentId, tellDrift),
    );
    const settled = mine.catch(() => {});
    tails.set(environmentId, settled);
    await mine.finally(() => {
      if (tails.get(environmentId) === settled) tails.delete(environmentId);
    });
  };
  return {
    /** Brings what the kernel holds in line with what is asked, for one environment, without a restart. */
    apply: (environmentId: string): Promise<void> => inLine(environmentId, null),
    /** Compares what one environment runs with what is asked, since somebody has changed it; tells of drift. */
    keep: (environmentId: string): Promise<void> => inLine(environmentId, tellDrift),
    /** Compares all running replicas with what is asked; repairs and tells of drift. */
    keepAll: async (): Promise<void> =>
      forEachSite(deps, await deps.store.liveEnvironments(), ({ id }) => inLine(id, tellDrift)),
  };
};

const bringInLine = async (
  deps: SupervisorDeps,
  environmentId: string,
  tellDrift: TellDrift | null,
): Promise<void> => {
  const environment = await deps.store.environmentById(environmentId);
  if (!environment) return;
  const acts = await deps.store.guardActsOf([environmentId]);
  const replicas = await deps.store.liveReplicasOf(environmentId);
  const mayBurst = (await deps.store.cpuBurstOf(environmentId)) !== undefined;
  const hasWeb = replicas.some((replica) => replica.process === webProcess);
  for (const replica of replicas) {
    if (replica.state !== "running" && replica.state !== "starting") continue;
    const asked = throttled(withBurst(await limitsFor(deps, environment, replica), mayBurst), acts);
    // The environment's row tells of what answers visitors; other processes may have limits of their own.
    const isTold = replica.process === webProcess || !hasWeb;
    const applied = await deps.engine.appliedLimits(replica.id);
    if (applied === null) continue;
    if (isTold && !isRecorded(environment, applied)) await record(deps, environment, applied);
    if (agrees(applied, asked)) continue;
    if (tellDrift) await tellDrift(replica, asked, applied);
    try {
      await deps.engine.updateLimits(replica.id, asked);
    } catch (error) {
      // It ended meanwhile: what takes its place begins with what is asked now.
      if ((await deps.engine.appliedLimits(replica.id)) === null) continue;
      throw error;
    }
    if (isTold) await readBackLimits(deps, environment, replica.id);
  }
};
