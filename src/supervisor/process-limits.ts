import type { ContainerLimits } from "../domain/engine.ts";
import { desiredProcesses, webProcess } from "../domain/process.ts";
import type { EnvironmentRecord, ReplicaRecord } from "../domain/records.ts";
import type { ReleaseConfig } from "../domain/release.ts";
import type { SupervisorDeps } from "./deps.ts";

/** What the kernel is to hold a replica to: of `web` the environment's limits, of other processes their own. */
export const limitsFor = async (
  { store }: Pick<SupervisorDeps, "store">,
  environment: EnvironmentRecord,
  replica: Pick<ReplicaRecord, "process" | "releaseId">,
): Promise<ContainerLimits> => {
  const { memoryBytes, cpuMillicores, pids } = environment;
  const whole = { memoryBytes, cpuMillicores, pids };
  if (replica.process === webProcess) return whole;
  const release = await store.releaseById(replica.releaseId);
  if (!release) return whole;
  const config = JSON.parse(release.config) as ReleaseConfig;
  const all = desiredProcesses(config, environment, await store.processesOf(environment.id));
  return all.find(({ name }) => name === replica.process)?.limits ?? whole;
};
