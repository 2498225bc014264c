import type Dockerode from "dockerode";
import type { ReplicaState } from "../domain/engine.ts";
import type { DockerClient } from "./client.ts";
import { labelFilter, replicaIdOf } from "./labels.ts";

const inspectionsAtOnce = 8;

interface Deps {
  client: DockerClient;
  inspectReplica(replicaId: string): Promise<ReplicaState | null>;
}

interface Known {
  /** What the list said of it then: a container of another id, state or address is looked at anew. */
  listed: string;
  state: ReplicaState;
}

const listedAs = (info: Dockerode.ContainerInfo): string => {
  const addresses = Object.values(info.NetworkSettings?.Networks ?? {}).map(({ IPAddress }) => IPAddress);
  return [info.Id, info.State, ...addresses].join(" ");
};

/**
 * All replicas with one request, however many there are: while Docker's events are followed, only those are
 * inspected that an event named, or of which the list says something else than before.
 */
export const createReplicaList = ({ client, inspectReplica }: Deps) => {
  const known = new Map<string, Known>();
  let followed = false;
  /** Rises with whatever is told meanwhile: what an inspection saw may be over by the time it is answered. */
  let told = 0;

  const list = (labels: string[]) =>
    client.call("list containers", async (docker) => {
      const found = await docker.listContainers({ all: true, filters: labelFilter(...labels) });
      return found.flatMap((info) => {
        const replicaId = replicaIdOf(info.Names, info.Labels);
        return replicaId === null ? [] : { replicaId, listed: listedAs(info) };
      });
    });

  const look = async (replicaId: string, listed: string): Promise<ReplicaState | null> => {
    const before = known.get(replicaId);
    if (followed && before?.listed === listed) return before.state;
    known.delete(replicaId);
    const toldBefore = told;
    const state = await inspectReplica(replicaId);
    if (state !== null && followed && told === toldBefore) known.set(replicaId, { listed, state });
    return state;
  };

  return {
    /** Something happened to it, or was done to it: what is known of it is no longer. */
    forget(replicaId: string): void {
      told++;
      known.delete(replicaId);
    },
    /** Whether every change is told of by `forget`. */
    follow(on: boolean): void {
      followed = on;
      told++;
      known.clear();
    },
    /** @param labels further `key=value` labels that must match */
    async listReplicas(...labels: string[]): Promise<ReplicaState[]> {
      const found = await list(labels);
      if (labels.length === 0) {
        const present = new Set(found.map(({ replicaId }) => replicaId));
        for (const replicaId of known.keys()) if (!present.has(replicaId)) known.delete(replicaId);
      }
      const states: ReplicaState[] = [];
      for (let i = 0; i < found.length; i += inspectionsAtOnce)
        for (const state of await Promise.all(
          found.slice(i, i + inspectionsAtOnce).map(({ replicaId, listed }) => look(replicaId, listed)),
        ))
          if (state) states.push(state);
      return states;
    },
  };
};
