import { type Actor, actorLabel } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import type { Trigger } from "../domain/deployment.ts";
import { newId } from "../domain/id.ts";
import type { DeploymentRecord, EnvironmentRecord, SiteRecord } from "../domain/records.ts";
import { formatBytes } from "../domain/size.ts";
import { AppError, conflict, invalid, notFound } from "../errors.ts";
import type { DeployDeps } from "./deps.ts";

export type DeploySource =
  | { source: "repository"; branch: string; commit: string | null }
  | { source: "push"; branch: string; commit: string | null }
  | { source: "image"; image: string }
  | { source: "release"; releaseId: string };

/**
 * Puts a deployment into the queue and, in the same transaction, lets older pending ones of the environment give
 * way. A running one is never touched: of rapid pushes something must finish.
 * @returns the pending deployment
 * @throws AppError `conflict` while the environment is over its disk limit
 */
export const enqueue = async (
  deps: Pick<DeployDeps, "store" | "clock" | "notifier">,
  actor: Actor,
  environment: EnvironmentRecord,
  trigger: Trigger,
  what: DeploySource,
): Promise<DeploymentRecord> => {
  refuseWhileOver(environment, what);
  const nowMs = deps.clock.nowMs();
  const deployment: DeploymentRecord = {
    id: newId("dep", nowMs),
    environmentId: environment.id,
    trigger,
    triggeredBy: actorLabel(actor),
    source: what.source,
    branch: "branch" in what ? what.branch : null,
    commitHash: "commit" in what ? what.commit : null,
    commitMessage: null,
    commitAuthor: null,
    image: what.source === "image" ? what.image : null,
    rollbackReleaseId: what.source === "release" ? what.releaseId : null,
    strategy: environment.strategy,
    status: "pending",
    switchedAt: null,
    releaseId: null,
    previousReleaseId: environment.currentReleaseId,
    attempts: 0,
    buildMs: null,
    deployMs: null,
    errorCode: null,
    errorMessage: null,
    createdAt: nowMs,
    startedAt: null,
    completedAt: null,
  };
  const superseded = await deps.store.transaction(async (queries) => {
    const site = await queries.siteById(environment.siteId);
    if (!site || site.deletedAt !== null) throw notFound("the site");
    await queries.insertDeployment(deployment);
    await queries.insertAudit(
      auditEntry(
        actor,
        trigger === "rollback" ? "deployment.rollback" : "deployment.create",
        { type: "deployment", id: deployment.id },
        { after: { site: site.slug, environment: environment.name, trigger, ...what } },
        nowMs,
      ),
    );
    return queries.supersedePending(environment.id, deployment.id, nowMs);
  });
  for (const id of superseded) deps.notifier.notify(id);
  return deployment;
};

/** A release that was there before may come back: it takes no more than it took. @throws AppError `conflict` */
const refuseWhileOver = (environment: EnvironmentRecord, what: DeploySource): void => {
  const { diskUsedBytes, diskBytes } = environment;
  if (what.source === "release" || diskUsedBytes === null || diskUsedBytes <= diskBytes) return;
  throw conflict(
    `nothing is deployed while the site is over its disk limit: it has ${formatBytes(diskUsedBytes)} and may have ${formatBytes(diskBytes)}; raise the limit, or remove what it does not need`,
  );
};

/** What a site deploys when nothing more was said than "deploy". */
export const chooseSource = async (
  deps: Pick<DeployDeps, "source" | "paths">,
  site: SiteRecord,
  environment: EnvironmentRecord,
  asked: { commit?: string; branch?: string; image?: string },
): Promise<DeploySource> => {
  const image =
    asked.image ?? (asked.commit || asked.branch ? null : site.type === "image" ? site.image : null);
  if (image) {
    if (site.type !== "image") throw invalid("image", "is only for sites of type image");
    return { source: "image", image };
  }
  if (site.type === "image") throw invalid("image", "this site deploys images, not commits");
  const branch = asked.branch ?? environment.branch;
  const commit = asked.commit ?? null;
  if (site.repositoryUrl) return { source: "repository", branch, commit };
  const head = commit ?? (await deps.source.branchHead(deps.paths.repository(site.id), branch));
  if (head === null)
    throw new AppError(
      "conflict",
      `nothing to deploy yet: push branch ${branch} to this site's git remote, or set its repository URL`,
    );
  return { source: "push", branch, commit: head };
};
