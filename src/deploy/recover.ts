import { rm } from "node:fs/promises";
import { isTerminal } from "../domain/deployment.ts";
import type { DeploymentRecord } from "../domain/records.ts";
import type { DeployDeps } from "./deps.ts";
import { finish, resumeJob } from "./run-deployment.ts";

/**
 * After a start: every deployment that was under way is taken up again. Before its switch it begins anew (what it
 * had started is removed); after it, the route is published again and the old replicas are drained.
 */
export const recoverDeployments = async (deps: DeployDeps): Promise<void> => {
  for (const deployment of await deps.store.openDeployments()) await recoverDeployment(deps, deployment);
};

/** The same for one deployment; nothing when it is pending or has ended. */
export const recoverDeployment = async (deps: DeployDeps, deployment: DeploymentRecord): Promise<void> => {
  if (deployment.status === "pending" || isTerminal(deployment.status)) return;
  const environment = await deps.store.environmentById(deployment.environmentId);
  const site = environment && (await deps.store.siteById(environment.siteId));
  if (!environment || !site) return;
  await rm(deps.paths.work(deployment.id), { recursive: true, force: true });
  const release = deployment.releaseId ? await deps.store.releaseById(deployment.releaseId) : undefined;
  if (deployment.switchedAt !== null && release) {
    deps.log.info("resuming a deployment after its switch", { deployment: deployment.id });
    const job = await resumeJob(deps, deployment, environment, site, AbortSignal.timeout(120_000));
    const fresh = (await deps.store.liveReplicasOf(environment.id)).filter(
      (replica) => replica.state !== "draining",
    );
    await finish(deps, job, release, fresh);
    return;
  }
  const started = (await deps.store.liveReplicasOf(environment.id)).filter(
    (replica) =>
      replica.createdAt >= (deployment.startedAt ?? 0) && replica.releaseId === deployment.releaseId,
  );
  await deps.replicas.remove(
    started.map((replica) => replica.id),
    0,
  );
  await deps.store.advance(deployment.id, deployment.status, "pending", { releaseId: null });
  if (release && release.deploymentId === deployment.id)
    await deps.store.retireRelease(release.id, deps.clock.nowMs());
  deps.log.info("a deployment that a restart interrupted begins again", { deployment: deployment.id });
  deps.notifier.notify(deployment.id);
};
