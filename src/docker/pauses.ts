import type Dockerode from "dockerode";
import { AppError, notFound } from "../errors.ts";
import type { DockerClient } from "./client.ts";
import { dockerMessage, hasStatus } from "./errors.ts";
import { containerName } from "./labels.ts";

/**
 * Docker's own pause. Writing the freezer's file oneself would take 0.1 ms instead of some ten, but Docker keeps the
 * state in its own memory: it would say "running" of a container that hears no signal, and refuse to let one go on
 * that it did not freeze itself.
 */
export const createPauses = (client: DockerClient) => {
  const ask = (
    act: string,
    replicaId: string,
    isDone: RegExp,
    work: (container: Dockerode.Container) => Promise<unknown>,
  ): Promise<void> =>
    client.call(act, async (docker) => {
      // By its name, which nothing else has, to save the time of looking up its id.
      const name = containerName(replicaId);
      await work(docker.getContainer(name)).catch(async (error: unknown) => {
        const said = dockerMessage(error);
        // One that has ended is not paused either.
        if (isDone.test(said) && (await docker.getContainer(name).inspect()).State.Running) return;
        if (hasStatus(error, 404)) throw notFound("the replica's container");
        if (hasStatus(error, 409, 500) && /is not (?:running|paused)|is restarting/.test(said))
          throw new AppError("conflict", "the replica does not run", { cause: error });
        throw error;
      });
    });
  return {
    pauseReplica: (replicaId: string): Promise<void> =>
      ask("pause container", replicaId, /is already paused/, (container) => container.pause()),
    unpauseReplica: (replicaId: string): Promise<void> =>
      ask("unpause container", replicaId, /is not paused/, (container) => container.unpause()),
  };
};
