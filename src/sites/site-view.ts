import type { Actor } from "../domain/actor.ts";
import { deploymentSummary, isoOf, releaseView } from "../domain/deployment-view.ts";
import type {
  DeploymentRecord,
  EnvironmentRecord,
  ReleaseRecord,
  ReplicaRecord,
  SiteRecord,
  VolumeRecord,
} from "../domain/records.ts";
import type { DiskKeepingRecord, VolumeStorageRecord } from "../domain/disk.ts";
import { servingDomains } from "../domain/domain-redirects.ts";
import { isWildcard } from "../domain/host-name.ts";
import { type ProcessRecord, webProcess } from "../domain/process.ts";
import type { ReleaseConfig } from "../domain/release.ts";
import type { GuardActRecord } from "../domain/guard.ts";
import { healthCheckSchema, type SiteStatus } from "../domain/site.ts";
import type { SleepView } from "../domain/sleep.ts";
import type { ReleaseView, SiteView } from "../domain/views.ts";
import { isTerminal } from "../domain/deployment.ts";
import { reachSite, type SiteInReach } from "./access.ts";
import type { SiteDeps } from "./deps.ts";
import { diskView } from "./disk.ts";
import { guardedStatus } from "./guard-status.ts";
import { appliedLimitsView, limitsOf } from "./limits.ts";
import { supervisionViews } from "./supervision-views.ts";
import { togetherView } from "./together.ts";
import { trafficViews } from "./traffic-views.ts";
import { volumeView } from "./volumes.ts";

export const showSite = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<SiteView> => {
  const { site, environment } = await reachSite(deps, actor, slug, "read", environmentName);
  const [view] = await viewsOf(deps, [{ site, environment }]);
  return view!;
};

/** The sites an actor owns, alone or through an organisation; an operator sees all. */
export const listSites = async (deps: SiteDeps, actor: Actor): Promise<SiteView[]> => {
  const sites = await deps.store.listSites(actor.kind === "system" || actor.isAdmin ? null : actor.userId);
  const environments = await deps.store.environmentsOfSites(sites.map((site) => site.id));
  const production = new Map(
    environments.filter((one) => one.name === "production").map((one) => [one.siteId, one]),
  );
  return viewsOf(
    deps,
    sites.flatMap((site) => {
      const environment = production.get(site.id);
      return environment ? [{ site, environment }] : [];
    }),
  );
};

export const listReleases = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<ReleaseView[]> => {
  const { environment } = await reachSite(deps, actor, slug, "read", environmentName);
  const releases = await deps.store.releasesOf(environment.id);
  const deployments = byId(
    await deps.store.deploymentsByIds(releases.map((release) => release.deploymentId)),
  );
  return releases.map((release) =>
    releaseView(release, deployments.get(release.deploymentId), environment.currentReleaseId),
  );
};

const byId = <Row extends { id: string }>(rows: Row[]): Map<string, Row> =>
  new Map(rows.map((row) => [row.id, row]));

/** How long a site that was started may be without a container before it is said to have failed. */
const startMs = 10_000;

/** A handful of queries for any number of sites. */
const viewsOf = async (deps: SiteDeps, places: SiteInReach[]): Promise<SiteView[]> => {
  const { store } = deps;
  const ids = places.map(({ environment }) => environment.id);
  const latest = new Map((await store.latestDeployments(ids)).map((row) => [row.environmentId, row]));
  const replicas = Map.groupBy(await store.liveReplicasOfMany(ids), (row) => row.environmentId);
  const volumes = Map.groupBy(await store.volumesOfMany(ids), (row) => row.environmentId);
  const domains = Map.groupBy(await store.domainsOfMany(ids), (row) => row.environmentId);
  const wanted = [
    ...places.map(({ environment }) => environment.currentReleaseId),
    ...[...latest.values()].map((deployment) => deployment.releaseId),
  ].filter((id) => id !== null);
  const releases = byId(await store.releasesByIds(wanted));
  const deployments = byId(
    await store.deploymentsByIds([...releases.values()].map((release) => release.deploymentId)),
  );
  const acts = Map.groupBy(await store.guardActsOf(ids), (act) => act.environmentId);
  const traffic = await trafficViews(
    deps,
    places.map(({ environment }) => environment),
  );
  const supervision = await supervisionViews(deps, places, replicas);
  const empty = places.filter(
    ({ environment: { id, stoppedReason, currentReleaseId } }) =>
      stoppedReason === null && !!releases.get(currentReleaseId ?? "")?.imageId && !replicas.has(id),
  );
  const started = new Set(
    await store.sitesStartedSince(
      empty.map(({ site }) => site.id),
      deps.clock.nowMs() - startMs,
    ),
  );
  const closed = await store.closedEgress();
  const internal = await store.internalEnvironments();
  const settings = Map.groupBy(await store.allProcesses(), (row) => row.environmentId);
  const unrouted = internal.union(await store.environmentsWithoutWeb());
  const storage = await store.volumeStorageOf(ids);
  const keeping = await store.diskKeepingOf(ids);
  const owners = await store.ownerNames(places.map(({ site }) => ownerIdOf(site)));
  return places.map(({ site, environment }) => {
    const current = releases.get(environment.currentReleaseId ?? "");
    return viewOf(deps, site, environment, {
      owner: owners.get(ownerIdOf(site)) ?? "",
      latest: latest.get(environment.id),
      latestRelease: releases.get(latest.get(environment.id)?.releaseId ?? ""),
      current,
      currentDeployment: deployments.get(current?.deploymentId ?? ""),
      replicas: replicas.get(environment.id) ?? [],
      started: started.has(site.id),
      egress: !closed.has(environment.id),
      internal: internal.has(environment.id),
      settings: settings.get(environment.id) ?? [],
      isRouted: !unrouted.has(environment.id),
      volumes: volumes.get(environment.id) ?? [],
      storage,
      keeping: keeping.get(environment.id),
      hosts: servingDomains(domains.get(environment.id) ?? []).filter((name) => !isWildcard(name)),
      acts: acts.get(environment.id) ?? [],
      traffic: traffic(environment.id),
      supervision: supervision({ site, environment }),
    });
  });
};

const ownerIdOf = (site: SiteRecord): string => site.ownerUserId ?? site.ownerOrganizationId ?? "";

interface Parts {
  owner: string;
  latest: DeploymentRecord | undefined;
  latestRelease: ReleaseRecord | undefined;
  current: ReleaseRecord | undefined;
  currentDeployment: DeploymentRecord | undefined;
  replicas: ReplicaRecord[];
  /** Somebody has just started it. */
  started: boolean;
  egress: boolean;
  internal: boolean;
  settings: readonly ProcessRecord[];
  isRouted: boolean;
  volumes: VolumeRecord[];
  storage: Map<string, VolumeStorageRecord>;
  keeping: DiskKeepingRecord | undefined;
  /** Names besides its own under the base domain, the primary one first. */
  hosts: string[];
  acts: GuardActRecord[];
  supervision: Pick<SiteView, "restorePriority" | "cpuBurst" | "replicas">;
  traffic: Pick<SiteView, "bandwidth" | "pause" | "split" | "sleep">;
}

const viewOf = (
  deps: SiteDeps,
  site: SiteRecord,
  environment: EnvironmentRecord,
  parts: Parts,
): SiteView => ({
  id: site.id,
  slug: site.slug,
  name: site.name,
  description: site.description,
  type: site.type,
  environment: environment.name,
  environmentId: environment.id,
  owner: parts.owner,
  repositoryUrl: site.repositoryUrl,
  branch: environment.branch,
  rootDirectory: site.rootDirectory,
  buildCommand: site.buildCommand,
  startCommand: site.startCommand,
  port: site.port,
  image: site.image,
  autoDeploy: environment.autoDeploy === 1,
  egress: parts.egress,
  internal: parts.internal,
  healthCheck: healthCheckSchema.parse(JSON.parse(environment.healthCheck)),
  urls: parts.isRouted ? [...parts.hosts.map(deps.urlOfHost), deps.urlOf(site.slug, environment.name)] : [],
  gitRemote: `${deps.publicUrl}/git/${site.slug}.git`,
  ...guardedStatus(
    statusOf(environment, parts.latest, parts.current, parts.replicas, parts.started, parts.traffic.sleep),
    parts.acts,
  ),
  limits: { asked: limitsOf(environment), applied: appliedLimitsView(environment) },
  together: togetherView(environment, parts.current, parts.settings),
  ...parts.supervision,
  diskUsedBytes: environment.diskUsedBytes,
  disk: diskView(environment, parts.volumes, parts.storage, parts.keeping, deps.layerQuota()),
  readOnlyRoot: parts.keeping?.readOnlyRoot === 1,
  ...parts.traffic,
  currentRelease: parts.current
    ? releaseView(parts.current, parts.currentDeployment, parts.current.id)
    : null,
  volumes: parts.volumes.map((volume) => volumeView(volume, parts.storage.get(volume.id))),
  latestDeployment: parts.latest
    ? deploymentSummary(
        parts.latest,
        { slug: site.slug, environment: environment.name },
        parts.latestRelease?.number ?? null,
      )
    : null,
  createdAt: isoOf(site.createdAt),
  updatedAt: isoOf(site.updatedAt),
});

/** Without the lines that it printed last: replicas have them apart. */
const shortReason = (reason: string | null | undefined): string | undefined =>
  reason?.split("; it last printed:", 1)[0];

/** A process of which nothing runs while others do. */
const downProcess = (replicas: readonly ReplicaRecord[]): string | null => {
  for (const [name, own] of Map.groupBy(replicas, (replica) => replica.process)) {
    const down = own.find((replica) => replica.reason !== null);
    if (down && !own.some(({ state }) => state === "running"))
      // Its reason most often names it.
      return shortReason(down.reason)?.replace(/^(?!process )/, `process ${name}: `) ?? null;
  }
  return null;
};

/** Status and, where a person is needed, one sentence with the cause and the next step. */
export const statusOf = (
  environment: EnvironmentRecord,
  latest: DeploymentRecord | undefined,
  current: ReleaseRecord | undefined,
  all: ReplicaRecord[],
  started = false,
  sleep: SleepView | null = null,
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
  if (sleep !== null && sleep.state !== "awake")
    return { status: "sleeping", statusReason: `${sleep.reason}; the next request wakes it` };
  // What answers visitors decides; where nothing does, all of it.
  const hasWeb = (JSON.parse(current.config) as ReleaseConfig).hasWeb !== false;
  const replicas = hasWeb ? all.filter((replica) => replica.process === webProcess) : all;
  if (current.imageId === null || replicas.some((replica) => replica.state === "running"))
    return { status: "running", statusReason: downProcess(all) };
  if (started && replicas.length === 0) return { status: "deploying", statusReason: null };
  const down = replicas.find((replica) => replica.reason !== null);
  // A restart, or a first start: requests wait for the new containers, and nobody has to do anything.
  const comes = replicas.some(
    ({ state, restarts }) => state === "draining" || (state === "starting" && restarts === 0),
  );
  if (comes && !down && !replicas.some(({ state }) => state === "exited"))
    return { status: "running", statusReason: null };
  return { status: "failed", statusReason: shortReason(down?.reason) ?? "none of its replicas is running" };
};
