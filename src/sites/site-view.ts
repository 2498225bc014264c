import type { Actor } from "../domain/actor.ts";
import { deploymentSummary, isoOf, isoOrNull, releaseView } from "../domain/deployment-view.ts";
import type {
  DeploymentRecord,
  EnvironmentRecord,
  ReleaseRecord,
  ReplicaRecord,
  SiteRecord,
} from "../domain/records.ts";
import { healthCheckSchema, type SiteStatus } from "../domain/site.ts";
import type { ReleaseView, SiteView } from "../domain/views.ts";
import { isTerminal } from "../domain/deployment.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps } from "./deps.ts";
import { appliedLimitsView, limitsOf } from "./limits.ts";
import { volumeView } from "./volumes.ts";

export const showSite = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<SiteView> => {
  const { site, environment } = await reachSite(deps, actor, slug, "read", environmentName);
  return viewOf(deps, site, environment);
};

/** The sites an actor owns, alone or through an organisation; an operator sees all. */
export const listSites = async (deps: SiteDeps, actor: Actor): Promise<SiteView[]> => {
  const sites = await deps.store.listSites(actor.kind === "system" || actor.isAdmin ? null : actor.userId);
  const views: SiteView[] = [];
  for (const site of sites)
    for (const environment of await deps.store.environmentsOfSite(site.id))
      if (environment.name === "production") views.push(await viewOf(deps, site, environment));
  return views;
};

export const listReleases = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<ReleaseView[]> => {
  const { environment } = await reachSite(deps, actor, slug, "read", environmentName);
  const releases = await deps.store.releasesOf(environment.id);
  return Promise.all(
    releases.map(async (release) =>
      releaseView(
        release,
        await deps.store.deploymentById(release.deploymentId),
        environment.currentReleaseId,
      ),
    ),
  );
};

const viewOf = async (
  deps: SiteDeps,
  site: SiteRecord,
  environment: EnvironmentRecord,
): Promise<SiteView> => {
  const [latest] = await deps.store.deploymentsOf(environment.id, 1, null);
  const replicas = await deps.store.liveReplicasOf(environment.id);
  const current = environment.currentReleaseId
    ? await deps.store.releaseById(environment.currentReleaseId)
    : undefined;
  const currentDeployment = current && (await deps.store.deploymentById(current.deploymentId));
  const latestRelease = latest?.releaseId ? await deps.store.releaseById(latest.releaseId) : undefined;
  const place = { slug: site.slug, environment: environment.name };
  return {
    id: site.id,
    slug: site.slug,
    name: site.name,
    description: site.description,
    type: site.type,
    environment: environment.name,
    owner: await deps.store.ownerName(site),
    repositoryUrl: site.repositoryUrl,
    branch: environment.branch,
    rootDirectory: site.rootDirectory,
    buildCommand: site.buildCommand,
    startCommand: site.startCommand,
    port: site.port,
    image: site.image,
    autoDeploy: environment.autoDeploy === 1,
    healthCheck: healthCheckSchema.parse(JSON.parse(environment.healthCheck)),
    urls: [deps.urlOf(site.slug, environment.name)],
    gitRemote: `${deps.publicUrl}/git/${site.slug}.git`,
    ...statusOf(environment, latest, current, replicas),
    limits: { asked: limitsOf(environment), applied: appliedLimitsView(environment) },
    diskUsedBytes: environment.diskUsedBytes,
    currentRelease: current ? releaseView(current, currentDeployment, current.id) : null,
    replicas: replicas.map((replica) => ({
      id: replica.id,
      state: replica.state,
      restarts: replica.restarts,
      oomKills: replica.oomKills,
      exitCode: replica.exitCode,
      reason: replica.reason,
      startedAt: isoOrNull(replica.startedAt),
      nextRestartAt: isoOrNull(replica.nextRestartAt),
    })),
    volumes: (await deps.store.volumesOf(environment.id)).map(volumeView),
    latestDeployment: latest ? deploymentSummary(latest, place, latestRelease?.number ?? null) : null,
    createdAt: isoOf(site.createdAt),
    updatedAt: isoOf(site.updatedAt),
  };
};

/** Status and, where a person is needed, one sentence with the cause and the next step. */
export const statusOf = (
  environment: EnvironmentRecord,
  latest: DeploymentRecord | undefined,
  current: ReleaseRecord | undefined,
  replicas: ReplicaRecord[],
): { status: SiteStatus; statusReason: string | null } => {
  if (environment.stoppedReason === "disk_full")
    return {
      status: "stopped",
      statusReason:
        "stopped because it wrote more than its disk limit; raise the limit or free space, then start it",
    };
  if (environment.stoppedReason === "asked") return { status: "stopped", statusReason: null };
  if (latest && !isTerminal(latest.status)) return { status: "deploying", statusReason: null };
  if (!current)
    return latest
      ? { status: "failed", statusReason: latest.errorMessage }
      : { status: "stopped", statusReason: "nothing has been deployed yet" };
  if (current.imageId === null || replicas.some((replica) => replica.state === "running"))
    return { status: "running", statusReason: null };
  const down = replicas.find((replica) => replica.reason !== null);
  return { status: "failed", statusReason: down?.reason ?? "none of its replicas is running" };
};
