import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { DeploymentRecord, ReleaseRecord, ReplicaRecord } from "../domain/records.ts";
import type { ReleaseConfig } from "../domain/release.ts";
import { AppError, publicMessageOf } from "../errors.ts";
import type { DeployDeps } from "./deps.ts";
import { buildTag, type Job } from "./job.ts";
import { type Journal, openJournal } from "./journal.ts";
import { planBuild } from "./plan/plan-build.ts";
import { retireOldReleases } from "./retention.ts";
import { secretsOf } from "./secrets.ts";
import type { Semaphore } from "./semaphore.ts";
import { buildImage, takeImage } from "./steps/build.ts";
import { fetchSource } from "./steps/fetch.ts";
import { publishRelease } from "./steps/publish.ts";
import { type Built, discardRelease, makeRelease, removeUnusedImage } from "./steps/release.ts";
import { makeWay, processesOfRelease, startOthers } from "./steps/processes.ts";
import { drainReplicas, draining, probeReplicas, startReplicas, switchTo } from "./steps/rollout.ts";

/** Why a running deployment ends early; the reason of its abort signal. */
export type Interruption = "cancelled" | "shutdown";

/**
 * The life of one claimed deployment, from source to success. Before the switch any failure leaves the old release
 * serving, untouched; after it there is only forward.
 */
export const runDeployment = async (
  deps: DeployDeps,
  deployment: DeploymentRecord,
  buildSlots: Semaphore,
  signal: AbortSignal,
): Promise<void> => {
  const environment = await deps.store.environmentById(deployment.environmentId);
  const site = environment && (await deps.store.siteById(environment.siteId));
  if (!environment || !site) return;
  const journal = await openJournal(deps, deployment, await secretsOf(deps, deployment));
  const job: Job = { deployment, site, environment, journal, signal };
  if (deployment.attempts > 1)
    journal.write("orchestrator", "Croft was restarted during this deployment; it begins again", "warning");
  let release: ReleaseRecord | null = null;
  let replicas: ReplicaRecord[] = [];
  try {
    release = await prepareRelease(deps, job, buildSlots);
    signal.throwIfAborted();
    if (!(await deps.store.advance(deployment.id, "building", "deploying")))
      throw new AppError("conflict", "the deployment was ended elsewhere");
    const config = JSON.parse(release.config) as ReleaseConfig;
    if (config.kind === "container") {
      const present = release;
      const processes = await processesOfRelease(deps, job, config);
      replicas = await journal.step("start", async () => {
        await makeWay(deps, job);
        return startReplicas(deps, job, present, processes);
      });
      await journal.step("probe", async () => {
        await probeReplicas(deps, job, replicas, config);
        replicas = [...replicas, ...(await startOthers(deps, job, present, processes))];
      });
    }
    signal.throwIfAborted();
  } catch (cause) {
    await undo(deps, job, release);
    await fail(deps, job, cause);
    return;
  } finally {
    await rm(deps.paths.work(deployment.id), { recursive: true, force: true });
  }
  await finish(deps, job, release, replicas);
};

const prepareRelease = async (deps: DeployDeps, job: Job, buildSlots: Semaphore): Promise<ReleaseRecord> => {
  const { deployment, journal } = job;
  if (deployment.source === "release") return earlierRelease(deps, job);
  const built =
    deployment.source === "image"
      ? await journal.step("fetch", async (): Promise<Built> => {
          journal.write("fetch", `image ${deployment.image}`);
          return {
            kind: "image",
            image: await takeImage(deps, job, deployment.image ?? ""),
            plannedPort: null,
            processes: null,
          };
        })
      : await buildFromSource(deps, job, buildSlots);
  return journal.step("release", () => makeRelease(deps, job, built));
};

const buildFromSource = async (deps: DeployDeps, job: Job, buildSlots: Semaphore): Promise<Built> => {
  const { site, journal } = job;
  const dir = await journal.step("fetch", () => fetchSource(deps, job));
  const plan = await journal.step("plan", () => planBuild({ dir, site }));
  journal.write("plan", plan.summary);
  for (const warning of plan.warnings) journal.write("plan", warning, "warning");
  if (plan.kind === "static") return { kind: "static", folder: join(dir, plan.folder) };
  const context = join(dir, site.rootDirectory);
  const image = await journal.step("build", () => buildImage(deps, job, context, plan, buildSlots));
  return { kind: "image", image, plannedPort: plan.port, processes: plan.processes ?? null };
};

const earlierRelease = async (deps: DeployDeps, job: Job): Promise<ReleaseRecord> => {
  const release = await deps.store.releaseById(job.deployment.rollbackReleaseId ?? "");
  if (!release || release.retiredAt !== null)
    throw new AppError("deploy_failed", "the release to roll back to is no longer kept");
  await deps.store.patchDeployment(job.deployment.id, { releaseId: release.id });
  job.journal.write("deploy", `bringing back release ${release.number}`);
  return release;
};

/** From the switch on: also what recovery calls for a deployment that a crash interrupted after it. */
export const finish = async (
  deps: DeployDeps,
  job: Job,
  release: ReleaseRecord,
  replicas: ReplicaRecord[],
): Promise<void> => {
  const { deployment, journal, site, environment } = job;
  let old: string[] = [];
  await journal.step("switch", async () => {
    old =
      deployment.switchedAt === null
        ? await switchTo(deps, job, release, replicas)
        : await draining(deps, job);
    await publishRelease(deps, job, release);
    // What is missing the supervisor makes good.
    await deps.replicas
      .connect(environment.id)
      .catch((error) => deps.log.warn("linked sites are not led to a release yet", { error }));
  });
  const stopped = (await deps.store.environmentById(environment.id))?.stoppedReason ?? null;
  const isInternal = (await deps.store.internalEnvironments()).has(environment.id);
  const hasAddress = !isInternal && (JSON.parse(release.config) as ReleaseConfig).hasWeb !== false;
  const where = hasAddress
    ? `serves at ${deps.urlOf(site.slug, environment.name)}`
    : "runs, without an address";
  if (stopped === null) journal.write("deploy", `release ${release.number} ${where}`);
  else journal.write("deploy", `release ${release.number} serves once the site is started again`, "warning");
  await journal.step("drain", () => drainReplicas(deps, job, old));
  await journal.flush();
  await deps.store.advance(deployment.id, "deploying", "success", { completedAt: deps.clock.nowMs() });
  deps.notifier.notify(deployment.id);
  await retireOldReleases(deps, environment.id);
};

/** Undoes what was started, in reverse order. Best effort: the supervisor and `sweepImages` clear what resists. */
const undo = async (deps: DeployDeps, job: Job, release: ReleaseRecord | null): Promise<void> => {
  const attempt = (what: () => Promise<void>): Promise<void> =>
    what().catch((error) =>
      deps.log.error("undo of a deployment incomplete", { deployment: job.deployment.id, error }),
    );
  if (release) await attempt(() => removeStarted(deps, job, release));
  if (release?.deploymentId === job.deployment.id) await attempt(() => discardRelease(deps, release));
  // A build that was cut short after its image had its tag.
  else await attempt(() => removeUnusedImage(deps, buildTag(job)));
};

/** A rollback to the release that serves already has replicas that must stay; only fresh ones go. */
const removeStarted = async (deps: DeployDeps, job: Job, release: ReleaseRecord): Promise<void> => {
  const fresh = (await deps.store.liveReplicasOf(job.environment.id)).filter(
    (replica) =>
      replica.releaseId === release.id &&
      (replica.state === "starting" || replica.state === "running") &&
      replica.createdAt >= (job.deployment.startedAt ?? 0),
  );
  await deps.replicas.remove(
    fresh.map((replica) => replica.id),
    0,
  );
};

const fail = async (deps: DeployDeps, job: Job, cause: unknown): Promise<void> => {
  const { deployment, journal, signal } = job;
  const interruption = signal.aborted ? (signal.reason as Interruption) : null;
  // The daemon is stopping: the deployment goes back into the queue and begins again at the next start.
  if (interruption === "shutdown") {
    for (const from of ["building", "deploying"] as const)
      await deps.store.advance(deployment.id, from, "pending");
    await journal.flush();
    return;
  }
  const message = interruption === "cancelled" ? "cancelled" : journal.mask(publicMessageOf(cause));
  if (!(cause instanceof AppError) && interruption === null)
    deps.log.error("deployment failed unexpectedly", { deployment: deployment.id, error: cause });
  writeEnd(journal, interruption, message);
  await journal.flush();
  const to = interruption === "cancelled" ? "cancelled" : "failed";
  const patch = {
    completedAt: deps.clock.nowMs(),
    errorCode: cause instanceof AppError ? cause.code : (interruption ?? "internal"),
    errorMessage: message,
  };
  for (const from of ["building", "deploying"] as const)
    await deps.store.advance(deployment.id, from, to, patch);
  deps.notifier.notify(deployment.id);
  // Of what runs once the release before was ended for this one.
  deps.replicas.look();
};

const writeEnd = (journal: Journal, interruption: Interruption | null, message: string): void => {
  if (interruption === "cancelled")
    journal.write("orchestrator", "cancelled; the release before goes on serving", "warning");
  else journal.write("orchestrator", `failed: ${message}`, "error");
};
