import type { Store } from "../db/store.ts";
import { newId } from "../domain/id.ts";
import { defaultLimits } from "../domain/limits.ts";
import type { DeploymentRecord, EnvironmentRecord, SiteRecord } from "../domain/records.ts";
import { healthCheckSchema } from "../domain/site.ts";

/** A site with its owner and production environment, as rows. */
export const seedSite = async (
  store: Store,
  change: { site?: Partial<SiteRecord>; environment?: Partial<EnvironmentRecord> } = {},
): Promise<{ site: SiteRecord; environment: EnvironmentRecord }> => {
  const userId = newId("usr");
  await store.insertUser({
    id: userId,
    username: userId,
    email: `${userId}@example.org`,
    passwordHash: "none",
    displayName: "",
    isAdmin: 0,
    isActive: 1,
    createdAt: 0,
    updatedAt: 0,
    lastLoginAt: null,
  });
  const site: SiteRecord = {
    id: newId("site"),
    slug: newId("site").slice(-12),
    name: "A site",
    description: "",
    ownerUserId: userId,
    ownerOrganizationId: null,
    type: "auto",
    repositoryUrl: null,
    rootDirectory: "",
    buildCommand: null,
    startCommand: null,
    port: null,
    image: null,
    createdAt: 0,
    updatedAt: 0,
    deletedAt: null,
    deleteVolumes: 0,
    cleanedAt: null,
    ...change.site,
  };
  // Not asked of the store: tests of migrations seed schemas that lack later tables.
  const taken = await store.liveEnvironments();
  const environment: EnvironmentRecord = {
    id: newId("env"),
    siteId: site.id,
    name: "production",
    branch: "main",
    autoDeploy: 1,
    strategy: "blue-green",
    replicas: 1,
    healthCheck: JSON.stringify(healthCheckSchema.parse({})),
    networkSlot: Math.max(-1, ...taken.map(({ networkSlot }) => networkSlot ?? -1)) + 1,
    currentReleaseId: null,
    stoppedReason: null,
    ...defaultLimits,
    appliedLimits: null,
    diskUsedBytes: null,
    diskMeasuredAt: null,
    createdAt: 0,
    ...change.environment,
  };
  await store.insertSite(site);
  await store.insertEnvironment(environment);
  return { site, environment };
};

export const deploymentOf = (
  environmentId: string,
  change: Partial<DeploymentRecord> = {},
): DeploymentRecord => ({
  id: newId("dep"),
  environmentId,
  trigger: "push",
  triggeredBy: "ada",
  source: "push",
  branch: "main",
  commitHash: null,
  commitMessage: null,
  commitAuthor: null,
  image: null,
  rollbackReleaseId: null,
  strategy: "blue-green",
  status: "pending",
  switchedAt: null,
  releaseId: null,
  previousReleaseId: null,
  attempts: 0,
  buildMs: null,
  deployMs: null,
  errorCode: null,
  errorMessage: null,
  createdAt: 0,
  startedAt: null,
  completedAt: null,
  ...change,
});

/** A pending deployment of a site of its own. */
export const seedDeployment = async (store: Store): Promise<DeploymentRecord> => {
  const { environment } = await seedSite(store);
  const deployment = deploymentOf(environment.id);
  await store.insertDeployment(deployment);
  return deployment;
};
