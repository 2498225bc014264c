import { existsSync } from "node:fs";
import type { Clock } from "../domain/clock.ts";
import type { Engine, ReplicaState } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import { createBuildCgroups } from "./build-cgroup.ts";
import { createBuild } from "./build.ts";
import { readBuildsUse } from "./builds-use.ts";
import { createDockerClient } from "./client.ts";
import { createContainers } from "./containers.ts";
import { createDiskUsage } from "./disk-usage.ts";
import { createEngineDisk } from "./engine-disk.ts";
import { dockerInfo, engineInfo } from "./engine-info.ts";
import { createWatch } from "./events.ts";
import { createSetLongestFile } from "./file-limit.ts";
import { createFirewall } from "./firewall.ts";
import { createImagesOnDisk } from "./images-on-disk.ts";
import { createImages } from "./images.ts";
import { createJoinNetwork, createLeaveNetwork } from "./join-network.ts";
import { listeningPortsOf } from "./listening-ports.ts";
import { createLogs } from "./logs.ts";
import { bridgeName, createNetworks } from "./networks.ts";
import { createOneOffCgroups } from "./one-off-cgroup.ts";
import { createOneOffUse } from "./one-off-use.ts";
import { createOneOffs } from "./one-offs.ts";
import { createReadings } from "./readings.ts";
import { createReplicaList } from "./replica-list.ts";
import { createReclaimMemory } from "./reclaim-memory.ts";
import { createRemoveSite } from "./remove-site.ts";
import { createReplicaExec } from "./replica-exec.ts";
import { createUpdateLimits } from "./update-limits.ts";
import { createVolumes } from "./volumes.ts";

export interface DockerEngineDeps {
  /** `unix:///var/run/docker.sock` or `tcp://host:port`. */
  dockerHost: string;
  log: Log;
  clock: Clock;
  /** Whether to keep rules in this host's iptables; off where the engine is on another machine. */
  hostFirewall: boolean;
  /** Tells this installation's own firewall rules from another's on the same host. */
  installation?: string;
  /** `host[:port]` of registries that images may be pulled from although they are not public addresses. */
  allowRegistries?: readonly string[];
}

/** Docker Engine (20.10 and later, classic builder) as Croft's `Engine`. Makes no request by itself. */
export const createDockerEngine = (deps: DockerEngineDeps): Engine => {
  const { log, clock } = deps;
  const client = createDockerClient(deps.dockerHost);
  const engineDisk = createEngineDisk(client, clock);
  const joinNetwork = createJoinNetwork(client);
  const containers = createContainers({ client, log, clock, joinNetwork, engineDisk });
  const { inspectReplica, removeReplica } = containers;
  const replicas = createReplicaList({ client, inspectReplica });
  const { listReplicas } = replicas;
  const watch = createWatch(client, log);
  const networks = createNetworks(client);
  const images = createImages(client, deps.allowRegistries ?? []);
  const volumes = createVolumes(client);
  const firewall = createFirewall(log, deps.hostFirewall, deps.installation);
  const oneOffCgroups = createOneOffCgroups(log, async () =>
    deps.dockerHost.startsWith("unix:") ? (await dockerInfo(client)).CgroupDriver : null,
  );
  const oneOffUse = createOneOffUse();
  const oneOffs = createOneOffs({
    client,
    log,
    use: oneOffUse,
    cgroups: oneOffCgroups,
    createContainer: containers.createContainer,
  });
  const readings = createReadings({ ...containers, log, clock });
  const cgroups = createBuildCgroups(log, async () => (await dockerInfo(client)).CgroupDriver);
  let folder: string | null = null;
  const imageFolder = async (): Promise<string | null> => {
    if (!deps.dockerHost.startsWith("unix:")) return null;
    // Asked once: it takes a fifth of a second, and another folder means another configuration of the engine.
    folder ??= (await dockerInfo(client)).DockerRootDir;
    return existsSync(folder) ? folder : null;
  };

  const updateLimits = createUpdateLimits({ client, inspectReplica });
  const started = (state: ReplicaState): ReplicaState => {
    readings.notice(state);
    return state;
  };

  return {
    info: () => engineInfo(client, cgroups, firewall.status),
    watch: (onEvent, signal) =>
      watch((event) => {
        if ("replicaId" in event) replicas.forget(event.replicaId);
        else replicas.follow(event.kind === "connected");
        onEvent(event);
      }, signal),

    async ensureNetwork(network, owner) {
      firewall.setClosed(bridgeName(network.name), network.closed === true);
      await networks.ensureNetwork(network, owner);
      await firewall.ensure();
    },
    removeNetwork: networks.removeNetwork,
    // All of Croft's bridges have their common rules at once: only for closed ones it matters which are asked for.
    async ensureFirewall(networks) {
      firewall.closeOnly(networks.filter(({ closed }) => closed).map(({ name }) => bridgeName(name)));
      await firewall.ensure();
      return firewall.wereGone();
    },
    joinNetwork: async (replicaId, network, aliases) => {
      await joinNetwork(replicaId, network, aliases);
      replicas.forget(replicaId);
    },
    leaveNetwork: async (replicaId, network) => {
      await createLeaveNetwork(client)(replicaId, network);
      replicas.forget(replicaId);
    },
    ...volumes,

    async startReplica(spec) {
      if (deps.hostFirewall && !firewall.status().holds)
        log.warn("a replica starts without firewall rules of the host", {
          replicaId: spec.replicaId,
          reason: firewall.status().detail,
        });
      return started(await containers.startReplica(spec));
    },
    restartReplica: async (replicaId) => started(await containers.restartReplica(replicaId)),
    stopReplica: containers.stopReplica,
    pauseReplica: containers.pauseReplica,
    unpauseReplica: containers.unpauseReplica,
    reclaimMemory: createReclaimMemory(inspectReplica),
    removeReplica,
    listReplicas: () => listReplicas(),
    foreignContainers: replicas.foreignContainers,
    inspectReplica,
    updateLimits: (replicaId, limits) => {
      readings.reset(replicaId);
      return updateLimits(replicaId, limits);
    },
    letOthersFirst: readings.letOthersFirst,
    appliedLimits: readings.appliedLimits,
    readings: async () => [...(await readings.readings()), ...oneOffCgroups.readings()],
    writes: async (byProcesses) => readings.writes(await imageFolder(), byProcesses),
    dataFolder: imageFolder,
    diskUsage: createDiskUsage(client, engineDisk),
    setLongestFile: createSetLongestFile({ inspectReplica, log }),
    async diskFacts() {
      const { layerQuota, detail, folder } = await engineDisk.facts();
      return { layerQuota, detail, folder };
    },
    ...createLogs(client),
    ...oneOffs,
    listOneOffs: () => oneOffs.listOneOffs(),
    usesOfOneOffs: async (byProcesses) => oneOffUse.read(await imageFolder(), byProcesses),
    ...createReplicaExec({ client, log, inspectReplica }),
    async listeningPorts(replicaId) {
      const pid = (await inspectReplica(replicaId))?.pid;
      return pid ? listeningPortsOf(pid) : [];
    },

    useOfBuilds: async (byProcesses) =>
      deps.dockerHost.startsWith("unix:") ? readBuildsUse(byProcesses) : null,
    build: createBuild({ client, cgroups, ...images, imageFolder }),
    ...images,
    imagesOnDisk: createImagesOnDisk(client),
    removeSite: createRemoveSite({
      client,
      listReplicas,
      removeReplica,
      ...oneOffs,
      removeNetwork: networks.removeNetwork,
      removeImage: images.removeImage,
      removeVolume: volumes.removeVolume,
    }),
  };
};
