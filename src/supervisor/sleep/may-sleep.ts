import { webProcess } from "../../domain/process.ts";
import type { PauseRecord, ReplicaRecord } from "../../domain/records.ts";
import {
  policyOf,
  sleepDefaults,
  type SleepDefaults,
  type SleepPolicy,
  sleepSettings,
} from "../../domain/sleep.ts";
import type { LiveEnvironment, SupervisorDeps, SupervisorQueries } from "../deps.ts";

/** Everything of one moment that says who may sleep: some queries for all environments together. */
export interface House {
  environments: Map<string, LiveEnvironment>;
  /** Less those on their way out. */
  replicas: Map<string, ReplicaRecord[]>;
  policies: Map<string, SleepPolicy>;
  defaults: SleepDefaults;
  deploying: Set<string>;
  pauses: Map<string, PauseRecord>;
  /** Nobody could wake them: they have no route. */
  unrouted: Set<string>;
  /** Since when they are never to sleep, or other sites reach them past the edge, at the latest. */
  neverSince: Map<string, number>;
  linkedSince: Map<string, number>;
  guarded: Set<string>;
  /** A command or a terminal of somebody is open in one of their replicas. */
  inUse: Set<string>;
  nowMs: number;
}

/** How long sites may be idle unless they say otherwise. */
export const readSleepDefaults = async (
  store: Pick<SupervisorQueries, "setting">,
): Promise<SleepDefaults> => {
  const [freeze, stop] = [
    await store.setting(sleepSettings.freezeAfterMs),
    await store.setting(sleepSettings.stopAfterMs),
  ];
  return {
    freezeAfterMs: freeze === null ? sleepDefaults.freezeAfterMs : Number(freeze),
    stopAfterMs: stop === null ? sleepDefaults.stopAfterMs : Number(stop),
  };
};

export const readHouse = async ({
  store,
  clock,
}: Pick<SupervisorDeps, "store" | "clock">): Promise<House> => {
  const environments = await store.liveEnvironments();
  const rows = (await store.liveReplicas()).filter(({ state }) => state !== "draining");
  const defaults = await readSleepDefaults(store);
  const policies = new Map((await store.allSleepPolicies()).map((row) => [row.environmentId, row]));
  const acts = await store.guardActsOf(environments.map(({ id }) => id));
  return {
    environments: new Map(environments.map((environment) => [environment.id, environment])),
    replicas: Map.groupBy(rows, ({ environmentId }) => environmentId),
    policies: new Map(environments.map(({ id }) => [id, policyOf(policies.get(id), defaults)])),
    defaults,
    deploying: new Set(
      (await store.openDeployments())
        .filter(({ status }) => status !== "pending")
        .map(({ environmentId }) => environmentId),
    ),
    pauses: new Map((await store.allPauses()).map((pause) => [pause.environmentId, pause])),
    unrouted: (await store.internalEnvironments()).union(await store.environmentsWithoutWeb()),
    neverSince: new Map(
      [...policies.values()].flatMap((row) => (row.never === 1 ? [[row.environmentId, row.updatedAt]] : [])),
    ),
    linkedSince: new Map(
      (await store.allLinks())
        .toSorted((a, b) => a.createdAt - b.createdAt)
        .map((link) => [link.targetEnvironmentId, link.createdAt]),
    ),
    guarded: new Set(
      acts.flatMap(({ kind, environmentId }) => (kind === "pause" ? (environmentId ?? []) : [])),
    ),
    inUse: new Set(
      (await store.openRuns()).flatMap(({ environmentId, replicaId }) =>
        replicaId === null ? [] : environmentId,
      ),
    ),
    nowMs: clock.nowMs(),
  };
};

/** What keeps an environment awake by itself, whatever its idle times; ends "it stays awake: …". */
export const keptAwake = (house: House, environmentId: string): string | null => {
  if (house.unrouted.has(environmentId)) return "it has no address that a request could wake it by";
  if (house.linkedSince.has(environmentId)) return "other sites are linked to it, and reach it past the edge";
  if ((house.replicas.get(environmentId) ?? []).some(({ process }) => process !== webProcess))
    return "it has processes besides web";
  return null;
};

/** Why it has to wake, whoever put it to sleep: what keeps it awake has come since. Null when nothing has. */
export const calledAwake = (house: House, environmentId: string, asleepSince: number): string | null => {
  if ((house.neverSince.get(environmentId) ?? 0) > asleepSince) return "it is never to sleep any more";
  if ((house.linkedSince.get(environmentId) ?? 0) > asleepSince)
    return "another site is linked to it now, and reaches it past the edge";
  return null;
};

/** Why it cannot sleep at this moment, whoever asks; null when it can. */
export const obstacle = (house: House, environmentId: string): string | null => {
  const environment = house.environments.get(environmentId);
  if (environment === undefined) return "it is gone";
  if (environment.stoppedReason !== null) return "it is stopped";
  if (house.unrouted.has(environmentId)) return "it has no address that a request could wake it by";
  if (house.deploying.has(environmentId)) return "it is being deployed";
  if (house.guarded.has(environmentId)) return "the host guard has paused it";
  if (house.inUse.has(environmentId)) return "a command or a terminal is open in it";
  if ((house.pauses.get(environmentId)?.resumesAt ?? 0) > house.nowMs) return "it is paused";
  const replicas = house.replicas.get(environmentId) ?? [];
  if (environment.currentReleaseId === null || replicas.length === 0) return "nothing of it runs";
  if (replicas.some(({ state }) => state !== "running")) return "not all of it runs";
  return null;
};
