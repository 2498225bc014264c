import { rm } from "node:fs/promises";
import { isTerminal } from "../domain/deployment.ts";
import type { DeploymentRecord, EnvironmentRecord, ReleaseRecord, SiteRecord } from "../domain/records.ts";
import type { DeployDeps } from "./deps.ts";
import { openJournal } from "./journal.ts";
import { finish } from "./run-deployment.ts";
import { discardFolder } from "./steps/release.ts";

/**
 * Takes up a deployment that was under way when its daemon ended. Before its switch it goes back to pending and
 * what it had started is removed; after it the route is published again and the old replicas are drained. Safe to
 * run again; nothing when it is pending or has ended.
 */
export const recoverDeployment = async (
  deps: DeployDeps,
  deployment: DeploymentRecord,
  signal: AbortSignal,
): Promise<void> => {
  if (deployment.status === "pending" || isTerminal(deployment.status)) return;
  const environment = await deps.store.environmentById(deployment.environmentId);
  const site = environment && (await deps.store.siteById(environment.siteId));
  if (!environment || !site) return;
  const release = deployment.releaseId ? await deps.store.releaseById(deployment.releaseId) : undefined;
  if (deployment.switchedAt !== null && release)
    return resume(deps, deployment, environment, site, release, signal);
  const started = (await deps.store.liveReplicasOf(environment.id)).filter(
    (replica) =>
      replica.createdAt >= (deployment.startedAt ?? 0) && replica.releaseId === deployment.releaseId,
  );
  await deps.replicas.remove(
    started.map((replica) => replica.id),
    0,
  );
  // Its image keeps its tag: the next attempt gives it again and finds the layers.
  if (release && release.deploymentId === deployment.id) {
    await deps.store.retireRelease(release.id, deps.clock.nowMs());
    await discardFolder(deps, release);
  }
  await rm(deps.paths.work(deployment.id), { recursive: true, force: true });
  await deps.store.advance(deployment.id, deployment.status, "pending", { releaseId: null });
  deps.log.info("a deployment that a restart interrupted begins again", { deployment: deployment.id });
  deps.notifier.notify(deployment.id);
};

const resume = async (
  deps: DeployDeps,
  deployment: DeploymentRecord,
  environment: EnvironmentRecord,
  site: SiteRecord,
  release: ReleaseRecord,
  signal: AbortSignal,
): Promise<void> => {
  // One that waits for the edge is taken up again and again.
  if (deployment.errorMessage === null)
    deps.log.info("resuming a deployment after its switch", { deployment: deployment.id });
  const journal = await openJournal(deps, deployment, []);
  await finish(deps, { deployment, environment, site, journal, signal }, release, []);
};

/**
 * Ends an interrupted deployment that cannot be taken up yet because the engine is away. The supervisor removes what
 * it had started, sweeps what it had made. @returns false when it has ended or switched already
 */
export const abandon = async (
  deps: Pick<DeployDeps, "store" | "clock" | "notifier">,
  deployment: DeploymentRecord,
  patch: Partial<DeploymentRecord>,
): Promise<boolean> => {
  if (isTerminal(deployment.status)) return false;
  if (!(await deps.store.advance(deployment.id, deployment.status, "cancelled", patch))) return false;
  const release = deployment.releaseId ? await deps.store.releaseById(deployment.releaseId) : undefined;
  if (release?.deploymentId === deployment.id) await deps.store.retireRelease(release.id, deps.clock.nowMs());
  deps.notifier.notify(deployment.id);
  return true;
};
