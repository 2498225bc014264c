import type Dockerode from "dockerode";
import type { ReplicaState } from "../domain/engine.ts";
import { replicaIdOf } from "./labels.ts";

/** Docker writes the year 1 for "never". */
const timeOf = (text: string): number | null => {
  const ms = Date.parse(text);
  return Number.isFinite(ms) && ms > 0 ? ms : null;
};

/** A replica as the domain sees it, or null when the container is not one of ours. */
export const replicaState = (info: Dockerode.ContainerInspectInfo): ReplicaState | null => {
  const replicaId = replicaIdOf([info.Name], info.Config.Labels);
  if (replicaId === null) return null;
  const { State: state } = info;
  const networks = info.NetworkSettings.Networks;
  // Its own one: with links it is on several.
  const own = networks[info.HostConfig.NetworkMode ?? ""] ?? Object.values(networks)[0];
  const address = own?.IPAddress;
  const startedAtMs = timeOf(state.StartedAt);
  return {
    containerId: info.Id,
    replicaId,
    running: state.Running,
    paused: state.Running && state.Paused,
    address: state.Running && address ? address : null,
    pid: state.Running && state.Pid > 0 ? state.Pid : null,
    networks: Object.entries(networks).map(([name, { Aliases }]) => ({ name, aliases: Aliases ?? [] })),
    exitCode: state.Running || startedAtMs === null ? null : state.ExitCode,
    oomKilled: state.OOMKilled,
    startedAtMs,
    finishedAtMs: state.Running ? null : timeOf(state.FinishedAt),
  };
};
