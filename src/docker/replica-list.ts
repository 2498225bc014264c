import type Dockerode from "dockerode";
import type { ForeignContainer, ReplicaState } from "../domain/engine.ts";
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

/** Builds and commands have no replica either; they say so by their role. */
const foreignOf = ({ Id, Names, Labels }: Dockerode.ContainerInfo): ForeignContainer[] => {
  const { "croft.site": site, "croft.environment": environment, "croft.role": role } = Labels;
  const isOurs = replicaIdOf(Names, Labels) !== null || (role !== undefined && role !== "site");
  return isOurs || !site || !environment
    ? []
    : [{ containerId: Id, name: Names[0]?.replace(/^\//, "") ?? Id, site, environment }];
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

  let foreign: ForeignContainer[] = [];

  const list = (labels: string[]) =>
    client.call("list containers", (docker) =>
      docker.listContainers({ all: true, filters: labelFilter(...labels) }),
    );

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
    foreignContainers: (): ForeignContainer[] => foreign,
    /** @param labels further `key=value` labels that must match */
    async listReplicas(...labels: string[]): Promise<ReplicaState[]> {
      const all = await list(labels);
      const found = all.flatMap((info) => {
        const replicaId = replicaIdOf(info.Names, info.Labels);
        return replicaId === null ? [] : { replicaId, listed: listedAs(info) };
      });
      if (labels.length === 0) {
        const present = new Set(found.map(({ replicaId }) => replicaId));
        for (const replicaId of known.keys()) if (!present.has(replicaId)) known.delete(replicaId);
        foreign = all.flatMap(foreignOf);
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
