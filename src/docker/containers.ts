import type Dockerode from "dockerode";
import type { ReplicaDisk, ReplicaSpec, ReplicaState } from "../domain/engine.ts";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import { AppError, notFound } from "../errors.ts";
import type { DockerClient } from "./client.ts";
import type { EngineDiskFacts } from "./engine-disk.ts";
import { containerConfig } from "./container-config.ts";
import { deployFailed, dockerMessage, engineUnavailable, hasStatus, runtimeReason } from "./errors.ts";
import { containerName, labelFilter, replicaIdOf } from "./labels.ts";
import { createPauses } from "./pauses.ts";
import { replicaState } from "./replica-state.ts";

const startDeadlineMs = 60_000;
const removeDeadlineMs = 30_000;
/** Docker makes each of them for each container, one after the other: thousands would keep it from all else. */
const maxImageVolumes = 32;

interface Deps {
  client: DockerClient;
  log: Log;
  clock: Clock;
  engineDisk: EngineDiskFacts;
  joinNetwork(replicaId: string, network: string, aliases: readonly string[]): Promise<void>;
}

/** A replica's container as Docker describes it, null when there is none of ours. */
export const inspectContainer = async (
  client: DockerClient,
  replicaId: string,
): Promise<Dockerode.ContainerInspectInfo | null> => {
  const info = await client.call("inspect container", (docker) =>
    docker
      .getContainer(containerName(replicaId))
      .inspect()
      .catch((error) => {
        if (hasStatus(error, 404)) return null;
        throw error;
      }),
  );
  return info && replicaIdOf([info.Name], info.Config.Labels) === replicaId ? info : null;
};

/** Start, stop, remove and list of the containers that are replicas; see `Engine` for each. */
export const createContainers = ({ client, log, clock, engineDisk, joinNetwork }: Deps) => {
  const stateOf = async (replicaId: string): Promise<ReplicaState | null> => {
    const info = await inspectContainer(client, replicaId);
    return info && replicaState(info);
  };

  const idOf = async (replicaId: string): Promise<string | null> =>
    (await inspectContainer(client, replicaId))?.Id ?? null;

  const start = (containerId: string) =>
    client.call(
      "start container",
      (docker) =>
        docker
          .getContainer(containerId)
          .start()
          .catch((error) => {
            if (hasStatus(error, 304)) return; // runs already
            if (hasStatus(error, 404) && /no such container/i.test(dockerMessage(error)))
              throw notFound("the replica's container");
            if (hasStatus(error, 400, 403, 404, 409, 500))
              throw deployFailed(
                `the container did not start: ${runtimeReason(dockerMessage(error))}`,
                error,
              );
            throw error;
          }),
      { deadlineMs: startDeadlineMs },
    );

  const remove = async (containerId: string): Promise<void> => {
    const deadlineMs = clock.monotonicMs() + removeDeadlineMs;
    for (;;) {
      const done = await client.call(
        "remove container",
        (docker) =>
          docker
            .getContainer(containerId)
            .remove({ force: true, v: true })
            .then(
              () => true,
              (error) => {
                if (hasStatus(error, 404)) return true;
                if (hasStatus(error, 409)) return false; // another removal is under way: wait for it
                throw error;
              },
            ),
        { deadlineMs: removeDeadlineMs },
      );
      if (done) return;
      if (clock.monotonicMs() > deadlineMs)
        throw engineUnavailable(
          client.dockerHost,
          new Error(`container ${containerId} is not removed in time`),
        );
      await Bun.sleep(200);
    }
  };

  /** `volumes`: the paths that the image declares as VOLUME; `deploy_failed` when the image is gone or has too many. */
  const imageFactsOf = (imageId: string): Promise<{ volumes: string[]; sizeBytes: number }> =>
    client.call("inspect image", async (docker) => {
      try {
        const image = await docker.getImage(imageId).inspect();
        const volumes = Object.keys(image.Config?.Volumes ?? {});
        if (volumes.length > maxImageVolumes)
          throw deployFailed(
            `the image declares ${volumes.length} volumes (VOLUME); at most ${maxImageVolumes} are allowed`,
          );
        return { volumes, sizeBytes: image.Size };
      } catch (error) {
        if (hasStatus(error, 404))
          throw deployFailed(`the image ${imageId} is no longer on this server; deploy again`, error);
        throw error;
      }
    });

  /** @param adapt what is different about a container that is no replica */
  const create = async (
    spec: ReplicaSpec,
    adapt = (config: Dockerode.ContainerCreateOptions) => config,
  ): Promise<string> => {
    const id = await createAlone(spec, adapt);
    try {
      // One by one: before API 1.44 a container can be created on one network only.
      for (const { network, aliases } of spec.joins ?? [])
        await joinNetwork(spec.replicaId, network, aliases);
    } catch (error) {
      await remove(id).catch((cause) =>
        log.warn("a container that could not be connected is not removed", { id, cause }),
      );
      throw error;
    }
    return id;
  };

  const createAlone = async (
    spec: ReplicaSpec,
    adapt: (config: Dockerode.ContainerCreateOptions) => Dockerode.ContainerCreateOptions,
  ): Promise<string> => {
    const image = await imageFactsOf(spec.imageId);
    const quotaBytes = spec.disk ? await quotaOf(spec.disk, image.sizeBytes) : null;
    try {
      return await createAs(adapt(containerConfig(spec, image.volumes, quotaBytes)));
    } catch (error) {
      const reason = error instanceof AppError && error.code === "deploy_failed" ? error.publicMessage : "";
      if (quotaBytes === null || !/storage-opt|quota/i.test(reason)) throw error;
      log.warn("the engine does not limit what containers write after all; it is measured", { reason });
      engineDisk.refuted(reason);
      return createAs(adapt(containerConfig(spec, image.volumes)));
    }
  };

  /** Null where this engine cannot hold one. */
  const quotaOf = async (disk: ReplicaDisk, imageBytes: number): Promise<number | null> => {
    const { scope } = await engineDisk.facts();
    if (scope === null || disk.readOnlyRoot) return null;
    return disk.layerBytes + (scope === "with-image" ? imageBytes : 0);
  };

  const createAs = (config: Dockerode.ContainerCreateOptions): Promise<string> =>
    client.call(
      "create container",
      async (docker) => {
        try {
          return (await docker.createContainer(config)).id;
        } catch (error) {
          if (hasStatus(error, 400, 404, 406, 500))
            throw deployFailed(`the container could not be made: ${dockerMessage(error)}`, error);
          throw error;
        }
      },
      { deadlineMs: startDeadlineMs },
    );

  const list = (): Promise<{ replicaId: string; running: boolean }[]> =>
    client.call("list containers", async (docker) => {
      const found = await docker.listContainers({ all: true, filters: labelFilter() });
      return found.flatMap((info) => {
        const replicaId = replicaIdOf(info.Names, info.Labels);
        return replicaId === null ? [] : { replicaId, running: ["running", "paused"].includes(info.State) };
      });
    });

  const pauses = createPauses(client);

  return {
    inspectReplica: stateOf,
    createContainer: create,
    ...pauses,

    async startReplica(spec: ReplicaSpec): Promise<ReplicaState> {
      const containerId = await create(spec);
      try {
        await start(containerId);
        const state = await stateOf(spec.replicaId);
        if (!state) throw new AppError("deploy_failed", "the container vanished while it started");
        return state;
      } catch (error) {
        // best effort: what remains is found by its label at the next reconcile
        await remove(containerId).catch((cause) =>
          log.warn("a container that did not start could not be removed", { containerId, cause }),
        );
        throw error;
      }
    },

    async restartReplica(replicaId: string): Promise<ReplicaState> {
      const before = await stateOf(replicaId);
      // A paused one cannot be started.
      if (before?.paused) await pauses.unpauseReplica(replicaId);
      else if (before) await start(before.containerId);
      const state = await stateOf(replicaId);
      if (!state) throw notFound("the replica's container");
      return state;
    },

    async stopReplica(replicaId: string, graceSeconds: number): Promise<void> {
      const before = await stateOf(replicaId);
      if (!before) return;
      const { containerId } = before;
      // Frozen processes get no signal; not every version of Docker sees to it.
      if (before.paused) await pauses.unpauseReplica(replicaId).catch(() => {});
      await client.call(
        "stop container",
        (docker) =>
          docker
            .getContainer(containerId)
            .stop({ t: graceSeconds })
            .catch((error) => {
              if (!hasStatus(error, 304, 404)) throw error; // 304: stopped already
            }),
        { deadlineMs: graceSeconds * 1000 + removeDeadlineMs },
      );
    },

    async removeReplica(replicaId: string): Promise<void> {
      const containerId = await idOf(replicaId);
      if (containerId) await remove(containerId);
    },

    /** Ids of those that run: one request, however many there are. */
    async runningReplicaIds(): Promise<string[]> {
      return (await list()).filter((found) => found.running).map((found) => found.replicaId);
    },
  };
};
