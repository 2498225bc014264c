import type { NetworkRef, Ownership, ReplicaSpec } from "../domain/engine.ts";
import { newId } from "../domain/id.ts";
import { limitsSchema } from "../domain/limits.ts";
import { type DesiredProcess, desiredProcesses, webProcess } from "../domain/process.ts";
import type { EnvironmentRecord, ReleaseRecord, ReplicaRecord, SiteRecord } from "../domain/records.ts";
import { frozenVariables, type ReleaseConfig } from "../domain/release.ts";
import { AppError, conflict, notFound, publicMessageOf } from "../errors.ts";
import type { SupervisorDeps } from "./deps.ts";
import { linksOfLaunch } from "./links.ts";
import { networkSlots, presentNetworkOf } from "./networks.ts";
import { readBackLimits } from "./keep-limits.ts";
import { withBurst } from "./with-burst.ts";
import { ensureVolumes, replicaDiskOf } from "./volumes.ts";

const maxSubnetsTried = 64;

/**
 * Starts one more replica of a release's process within its present limits. The row is written before the
 * container exists, so that whatever a crash leaves behind is known to be ours.
 * @throws AppError `deploy_failed`, `engine_unavailable`; the row is then `removed`
 */
export const launchReplica = async (
  deps: SupervisorDeps,
  environmentId: string,
  releaseId: string,
  processName = webProcess,
): Promise<ReplicaRecord> => {
  const environment = await deps.store.environmentById(environmentId);
  const site = environment && (await deps.store.siteById(environment.siteId));
  const release = await deps.store.releaseById(releaseId);
  if (!environment || !site || !release || site.deletedAt !== null) throw notFound("the release's site");
  const config = JSON.parse(release.config) as ReleaseConfig;
  const all = desiredProcesses(config, environment, await deps.store.processesOf(environment.id));
  const desired = all.find(({ name }) => name === processName);
  if (!desired) throw notFound(`process ${processName} of release ${release.number}`);
  const nowMs = deps.clock.nowMs();
  const replica: ReplicaRecord = {
    id: newId("rep", nowMs),
    releaseId,
    process: processName,
    environmentId,
    containerId: null,
    state: "starting",
    address: null,
    port: desired.port,
    exitCode: null,
    oomKills: 0,
    restarts: 0,
    reason: null,
    createdAt: nowMs,
    startedAt: null,
    endedAt: null,
    nextRestartAt: null,
  };
  await deps.store.insertReplica(replica);
  try {
    const together = all.reduce((sum, { replicas }) => sum + replicas, 0);
    const state = await deps.engine.startReplica(
      await replicaSpec(deps, site, environment, release, desired, replica.id, together),
    );
    const started = { containerId: state.containerId, address: state.address };
    await deps.store.updateReplica(replica.id, started);
    if (processName === webProcess) await readBackLimits(deps, environment, replica.id);
    return { ...replica, ...started };
  } catch (cause) {
    await deps.store.updateReplica(replica.id, {
      state: "removed",
      reason: publicMessageOf(cause),
      endedAt: deps.clock.nowMs(),
    });
    throw cause;
  }
};

/** What a replica runs with; makes sure of its network and volumes. */
export const replicaSpec = async (
  deps: SupervisorDeps,
  site: SiteRecord,
  environment: EnvironmentRecord,
  release: ReleaseRecord,
  desired: DesiredProcess,
  replicaId: string,
  /** How many replicas share the environment's disk. */
  together: number,
): Promise<ReplicaSpec> => {
  const owner: Ownership = {
    site: site.slug,
    environment: environment.name,
    release: String(release.number),
    role: "site",
  };
  const network = await ensureFreeNetwork(deps, environment, owner);
  const volumes = await ensureVolumes(deps, environment.id);
  for (const { id } of volumes)
    await deps.engine.ensureVolume({ name: `croft-${id}`, folder: deps.paths.volume(id) }, owner);
  const links = await linksOfLaunch(deps, environment.id);
  const limits = limitsSchema
    .pick({ memoryBytes: true, cpuMillicores: true, pids: true })
    .parse(desired.limits);
  return {
    name: `croft-${replicaId}`,
    imageId: release.imageId ?? "",
    owner,
    replicaId,
    process: desired.name,
    network,
    joins: links.joins,
    env: { ...links.variables, ...(await envOf(deps, site, environment, release, desired)) },
    volumes: volumes.map((volume) => ({ name: `croft-${volume.id}`, mountPath: volume.mountPath })),
    startCommand: desired.command,
    limits: withBurst(limits, (await deps.store.cpuBurstOf(environment.id)) !== undefined),
    disk: await replicaDiskOf(deps, environment, together),
    stopGraceSeconds: deps.stopGraceSeconds,
  };
};

/**
 * The environment's network; on another subnet of the pool where something else on this host has taken its own,
 * such as what an installation that was removed by hand left behind.
 */
const ensureFreeNetwork = async (
  deps: SupervisorDeps,
  environment: EnvironmentRecord,
  owner: Ownership,
): Promise<NetworkRef> => {
  let present = environment;
  for (let attempt = 1; ; attempt++) {
    const network = await presentNetworkOf(deps, present);
    try {
      // A pool that was made smaller, or was cut finer, has fewer.
      if ((present.networkSlot ?? 0) >= networkSlots(deps.networkPool))
        throw conflict(`the subnet ${network.subnet} is outside the network pool`);
      await deps.engine.ensureNetwork(network, owner);
      return network;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "conflict" || attempt === maxSubnetsTried)
        throw error;
      const networkSlot = await deps.store.nextNetworkSlot(networkSlots(deps.networkPool));
      if (networkSlot === null) throw error;
      deps.log.warn("a subnet cannot be had; using another", { subnet: network.subnet });
      await deps.store.updateEnvironment(environment.id, { networkSlot });
      present = { ...present, networkSlot };
    }
  }
};

/** The release's frozen variables, and what Croft itself tells an app. */
const envOf = async (
  deps: SupervisorDeps,
  site: SiteRecord,
  environment: EnvironmentRecord,
  release: ReleaseRecord,
  desired: DesiredProcess,
): Promise<Record<string, string>> => {
  const env: Record<string, string> = {
    CROFT_SITE: site.slug,
    CROFT_ENVIRONMENT: environment.name,
    CROFT_RELEASE: String(release.number),
    CROFT_PROCESS: desired.name,
  };
  for (const { key, ciphertext } of frozenVariables(release.env))
    env[key] = await deps.openSecret(ciphertext, `env:${environment.id}:${key}`);
  if (desired.port !== null) env.PORT = String(desired.port);
  return env;
};

/** Stops and removes containers; their rows stay as `removed`. Idempotent. */
export const removeReplicas = async (
  deps: Pick<SupervisorDeps, "store" | "engine" | "clock">,
  replicaIds: string[],
  graceSeconds: number,
): Promise<void> => {
  await Promise.all(
    replicaIds.map(async (id) => {
      if (graceSeconds > 0) await deps.engine.stopReplica(id, graceSeconds);
      await deps.engine.removeReplica(id);
      await deps.store.updateReplica(id, {
        state: "removed",
        endedAt: deps.clock.nowMs(),
        nextRestartAt: null,
      });
    }),
  );
};
