import type { ContainerLimits, ReplicaState } from "../domain/engine.ts";
import { formatBytes } from "../domain/size.ts";
import { conflict, notFound } from "../errors.ts";
import { cgroupOfProcess } from "./cgroup-paths.ts";
import { readCgroup } from "./cgroup-readings.ts";
import type { DockerClient } from "./client.ts";
import { resourcesOf } from "./container-config.ts";
import { dockerMessage, hasStatus } from "./errors.ts";

interface Deps {
  client: DockerClient;
  inspectReplica(replicaId: string): Promise<ReplicaState | null>;
}

const tooLow = (asked: number, used: string) =>
  conflict(`the memory limit cannot be lowered to ${formatBytes(asked)} while the replica uses ${used}`);

/**
 * Changes a container's limits without a restart. Memory and swap go in one update: each alone is refused where
 * it would pass the other (kernel: memory.memsw.limit_in_bytes >= memory.limit_in_bytes); runc finds the order.
 */
export const createUpdateLimits =
  ({ client, inspectReplica }: Deps) =>
  async (replicaId: string, limits: ContainerLimits): Promise<void> => {
    const state = await inspectReplica(replicaId);
    if (!state) throw notFound("the replica's container");
    // cgroup v2 would kill the replica where v1 refuses: ask before, and answer the same on both
    const cgroup = state.pid === null ? null : cgroupOfProcess(state.pid);
    const used = cgroup && readCgroup(cgroup)?.memoryBytes;
    if (used && used > limits.memoryBytes) throw tooLow(limits.memoryBytes, formatBytes(used));
    await client.call("update container", (docker) =>
      docker
        .getContainer(state.containerId)
        .update(resourcesOf(limits))
        .catch((error: unknown) => {
          if (hasStatus(error, 404)) throw notFound("the replica's container");
          if (/device or resource busy|unable to set memory limit/.test(dockerMessage(error)))
            throw tooLow(limits.memoryBytes, "more than that");
          throw error;
        }),
    );
  };
