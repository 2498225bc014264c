import { exitSentence } from "../../domain/exit-sentence.ts";
import type { ReleaseRecord, ReplicaRecord } from "../../domain/records.ts";
import { type DesiredProcess, webProcess } from "../../domain/process.ts";
import type { ReleaseConfig } from "../../domain/release.ts";
import { AppError } from "../../errors.ts";
import type { DeployDeps } from "../deps.ts";
import type { Job } from "../job.ts";
import { explainListening } from "../plan/explain-listening.ts";

/** Starts the release's replicas that answer visitors beside the old ones. */
export const startReplicas = async (
  deps: DeployDeps,
  job: Job,
  release: ReleaseRecord,
  processes: readonly DesiredProcess[],
): Promise<ReplicaRecord[]> => {
  const replicas: ReplicaRecord[] = [];
  const web = processes.find(({ name }) => name === webProcess);
  for (let i = 0; i < (web?.replicas ?? 0); i++) {
    job.signal.throwIfAborted();
    const replica = await deps.replicas.launch(job.environment.id, release.id);
    replicas.push(replica);
    job.journal.write(
      "deploy",
      `replica ${replica.id} started` + (replica.address ? ` on ${replica.address}:${replica.port}` : ""),
    );
  }
  return replicas;
};

/** Waits until each new replica answers its health check; says what was tried and what the app printed if not. */
export const probeReplicas = async (
  deps: DeployDeps,
  job: Job,
  replicas: ReplicaRecord[],
  config: ReleaseConfig,
): Promise<void> => {
  const host = deps.hostOf(job.site.slug, job.environment.name);
  for (const replica of replicas) await probeUntilReady(deps, job, replica, config, host);
};

/** The same outcome again is no news, however long it took. */
const withoutTime = (summary: string): string => summary.replace(/ in \d+ ms$/, "");

const probeUntilReady = async (
  deps: DeployDeps,
  job: Job,
  replica: ReplicaRecord,
  config: ReleaseConfig,
  host: string,
): Promise<void> => {
  const { journal, signal } = job;
  const check = config.healthCheck;
  const deadlineMs = deps.clock.monotonicMs() + check.deadlineSeconds * 1000;
  // Quick at first: most apps are up within a fraction of the interval.
  let pauseMs = 20;
  let lastSummary = "";
  for (let attempt = 1; ; attempt++) {
    const result = await deps.replicas.probe(replica, check, host, signal);
    signal.throwIfAborted();
    if (result.ok) {
      journal.write("deploy", `${result.summary} (attempt ${attempt})`);
      await deps.store.updateReplica(replica.id, {
        state: "running",
        startedAt: deps.clock.nowMs(),
        reason: null,
      });
      return;
    }
    if (withoutTime(result.summary) !== withoutTime(lastSummary))
      journal.write("deploy", result.summary, "debug");
    lastSummary = result.summary;
    const state = await deps.engine.inspectReplica(replica.id);
    if (!state?.running) {
      const how = state?.oomKilled
        ? "was killed because it used more memory than its limit allows"
        : exitSentence(state?.exitCode ?? null);
      throw await withAppLog(deps, job, replica, `the app ${how} before it answered`);
    }
    if (deps.clock.monotonicMs() > deadlineMs) {
      const seen = await deps.engine.listeningPorts(replica.id);
      const listening = explainListening({ expectedPort: replica.port ?? 0, seen });
      throw await withAppLog(
        deps,
        job,
        replica,
        `no good answer within ${check.deadlineSeconds} s; last tried: ${result.summary}` +
          (listening ? `; ${listening}` : "") +
          (result.bodyExcerpt ? `; it answered: ${result.bodyExcerpt}` : ""),
      );
    }
    await Bun.sleep(Math.min(pauseMs, check.intervalSeconds * 1000));
    pauseMs *= 1.5;
  }
};

/** An error with the last lines that the app printed in the deployment's log. */
export const withAppLog = async (
  deps: DeployDeps,
  job: Job,
  replica: ReplicaRecord,
  message: string,
): Promise<AppError> => {
  const lines = await deps.engine.logTail(replica.id, 30).catch(() => []);
  for (const line of lines) job.journal.write("app", line, "warning");
  if (lines.length === 0) job.journal.write("app", "(the app printed nothing)", "warning");
  return new AppError("deploy_failed", message);
};

/**
 * The point of no return, in one transaction: the release becomes current, the old replicas are marked for the
 * drain. Until the edge is told, they go on serving.
 * @returns ids of the replicas to drain
 */
export const switchTo = async (
  deps: DeployDeps,
  job: Job,
  release: ReleaseRecord,
  replicas: ReplicaRecord[],
): Promise<string[]> => {
  const nowMs = deps.clock.nowMs();
  const fresh = new Set(replicas.map((replica) => replica.id));
  return deps.store.transaction(async (queries) => {
    const serving = (await queries.liveReplicasOf(job.environment.id)).filter(
      (replica) => !fresh.has(replica.id),
    );
    const present = await queries.environmentById(job.environment.id);
    // Deploying a stopped site starts it; stopped since the deployment began, it stays so: that is the later word.
    const wasStopped = present?.stoppedReason === job.environment.stoppedReason;
    await queries.updateEnvironment(job.environment.id, {
      currentReleaseId: release.id,
      ...(wasStopped ? { stoppedReason: null } : {}),
    });
    // It was about releases that were there before.
    await queries.deleteTrafficSplit(job.environment.id);
    for (const replica of serving) await queries.updateReplica(replica.id, { state: "draining" });
    await queries.patchDeployment(job.deployment.id, {
      switchedAt: nowMs,
      releaseId: release.id,
      deployMs: nowMs - (job.deployment.startedAt ?? job.deployment.createdAt),
    });
    return serving.map((replica) => replica.id);
  });
};

/** What an interrupted attempt had marked for the drain. */
export const draining = async (deps: DeployDeps, job: Job): Promise<string[]> =>
  (await deps.store.liveReplicasOf(job.environment.id))
    .filter((replica) => replica.state === "draining")
    .map((replica) => replica.id);

/** Lets the old replicas finish what they have, then stops and removes them. Safe to run again. */
export const drainReplicas = async (deps: DeployDeps, job: Job, replicaIds: string[]): Promise<void> => {
  if (replicaIds.length === 0) return;
  const cut = await Promise.race([
    deps.drain(replicaIds, deps.settings.drainDeadlineMs),
    shutdown(job.signal),
  ]);
  if (cut > 0)
    job.journal.write(
      "deploy",
      `${cut} connections were still open after ${deps.settings.drainDeadlineMs / 1000} s and were closed`,
      "warning",
    );
  await deps.replicas.remove(replicaIds, deps.settings.stopGraceSeconds);
  job.journal.write(
    "deploy",
    `${replicaIds.length} old ${replicaIds.length === 1 ? "replica" : "replicas"} stopped`,
  );
};

/** Rejects when the daemon stops: it need not wait for visitors, since the next start takes the drain up again. */
const shutdown = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = (): void => {
      if (signal.reason === "shutdown")
        reject(new AppError("unavailable", "Croft was stopped; its next start finishes this"));
    };
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
