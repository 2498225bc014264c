import { AppError, notFound } from "../errors.ts";
import type { DockerClient } from "./client.ts";
import { dockerMessage, hasStatus } from "./errors.ts";
import { containerName } from "./labels.ts";

/** Puts a replica on one more network; see `Engine.joinNetwork`. */
export const createJoinNetwork =
  (client: DockerClient) =>
  (replicaId: string, network: string, aliases: readonly string[] = []): Promise<void> =>
    client.call("connect container", (docker) =>
      docker
        .getNetwork(network)
        .connect({
          Container: containerName(replicaId),
          ...(aliases.length > 0 && { EndpointConfig: { Aliases: [...aliases] } }),
        })
        .catch((error: unknown) => {
          // On it already.
          if (hasStatus(error, 403) && /already exists in network/.test(dockerMessage(error))) return;
          if (hasStatus(error, 404)) throw notFound("the replica's container or its network");
          if (hasStatus(error, 409, 500))
            throw new AppError("conflict", `the replica could not be connected: ${dockerMessage(error)}`, {
              cause: error,
            });
          throw error;
        }),
    );

/** Takes a replica off a network; see `Engine.leaveNetwork`. */
export const createLeaveNetwork =
  (client: DockerClient) =>
  (replicaId: string, network: string): Promise<void> =>
    client.call("disconnect container", (docker) =>
      docker
        .getNetwork(network)
        .disconnect({ Container: containerName(replicaId), Force: true })
        .catch((error: unknown) => {
          // Not on it, or one of them is gone.
          if (!hasStatus(error, 403, 404, 500)) throw error;
          if (hasStatus(error, 500) && !/is not connected/.test(dockerMessage(error))) throw error;
        }),
    );
