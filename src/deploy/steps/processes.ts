import { exitSentence } from "../../domain/exit-sentence.ts";
import { type DesiredProcess, desiredProcesses, startWindowMs, webProcess } from "../../domain/process.ts";
import type { ReleaseRecord, ReplicaRecord } from "../../domain/records.ts";
import type { ReleaseConfig } from "../../domain/release.ts";
import type { DeployDeps } from "../deps.ts";
import type { Job } from "../job.ts";
import { withAppLog } from "./rollout.ts";

/** What the environment should run of this release now. */
export const processesOfRelease = async (
  deps: Pick<DeployDeps, "store">,
  job: Job,
  config: ReleaseConfig,
): Promise<DesiredProcess[]> => {
  const present = (await deps.store.environmentById(job.environment.id)) ?? job.environment;
  return desiredProcesses(config, present, await deps.store.processesOf(present.id));
};

/**
 * An internal site with volumes, such as a database, runs once: two at a time would spoil each other's files. So the
 * release before ends first; when the new one fails, the supervisor starts it again.
 */
export const makeWay = async (deps: DeployDeps, job: Job): Promise<void> => {
  const { environment, journal } = job;
  const isInternal = (await deps.store.internalEnvironments()).has(environment.id);
  if (!isInternal || (await deps.store.volumesOf(environment.id)).length === 0) return;
  const before = await deps.store.liveReplicasOf(environment.id);
  if (before.length === 0) return;
  journal.write("deploy", "the release before is stopped first: both would write to the same volumes");
  for (const { id } of before) await deps.store.updateReplica(id, { state: "draining" });
  await deps.replicas.remove(
    before.map(({ id }) => id),
    deps.settings.stopGraceSeconds,
  );
};

/**
 * Starts the release's other processes, once its `web` answers: a release that cannot serve must not take jobs. For
 * some seconds they run beside those of the release before. One that ends by itself meanwhile fails the deployment.
 * @returns those that stayed up, in state `running`
 */
export const startOthers = async (
  deps: DeployDeps,
  job: Job,
  release: ReleaseRecord,
  processes: readonly DesiredProcess[],
): Promise<ReplicaRecord[]> => {
  const replicas: ReplicaRecord[] = [];
  for (const { name, replicas: count } of processes) {
    if (name === webProcess) continue;
    for (let i = 0; i < count; i++) {
      job.signal.throwIfAborted();
      const replica = await deps.replicas.launch(job.environment.id, release.id, name);
      replicas.push(replica);
      job.journal.write("deploy", `${name}: replica ${replica.id} started`);
    }
  }
  if (replicas.length === 0) return replicas;
  const until = deps.clock.monotonicMs() + startWindowMs;
  while (deps.clock.monotonicMs() < until) {
    await Bun.sleep(250);
    job.signal.throwIfAborted();
    for (const replica of replicas) await assertRuns(deps, job, replica);
  }
  for (const { id } of replicas)
    await deps.store.updateReplica(id, {
      state: "running",
      startedAt: deps.clock.nowMs(),
      reason: null,
    });
  job.journal.write(
    "deploy",
    `${replicas.length === 1 ? "it has" : `all ${replicas.length} have`} stayed up for ${startWindowMs / 1000} s`,
  );
  return replicas;
};

const assertRuns = async (deps: DeployDeps, job: Job, replica: ReplicaRecord): Promise<void> => {
  const state = await deps.engine.inspectReplica(replica.id);
  if (state?.running) return;
  const how = state?.oomKilled
    ? "was killed because it used more memory than its limit allows"
    : exitSentence(state?.exitCode ?? null);
  throw await withAppLog(
    deps,
    job,
    replica,
    `process ${replica.process} ${how} within ${startWindowMs / 1000} s of its start`,
  );
};
