import { existsSync } from "node:fs";
import type { Hono } from "hono";
import { edgeOn, type Settings } from "../config.ts";
import { diskSpaceOf } from "../disk/disk-space.ts";
import { createHardVolumes } from "../disk/hard-volumes.ts";
import { folderBytes } from "../docker/folder-bytes.ts";
import { createDockerEngine } from "../docker/docker-engine.ts";
import { removeFolder } from "../docker/remove-folder.ts";
import { usageQueries } from "../db/queries/usage.ts";
import { openUsageFiles } from "../db/usage-files.ts";
import { createDeployments } from "../deploy/deployments.ts";
import { defaultDeploySettings, type DeployDeps } from "../deploy/deps.ts";
import { createQueue } from "../deploy/queue.ts";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import { hostOf } from "../domain/slug.ts";
import { createEdgeClient } from "../edge/client.ts";
import { listRemote } from "../git/source.ts";
import { gitRemote } from "../git/remote.ts";
import { createApp } from "../http/app.ts";
import type { AppEnv } from "../http/auth.ts";
import { createIdentity } from "../identity/identity.ts";
import { pageError, panelRoutes } from "../panel/routes.tsx";
import { reachEnvironment, reachSite } from "../sites/access.ts";
import type { SiteDeps } from "../sites/deps.ts";
import { limitsOf } from "../sites/limits.ts";
import { listSites } from "../sites/site-view.ts";
import { removeVolumeData } from "../supervisor/clean-up.ts";
import type { SupervisorDeps } from "../supervisor/deps.ts";
import { networkSlots } from "../supervisor/networks.ts";
import { withArchives } from "../retention/with-archives.ts";
import { nextTime } from "../jobs/next-time.ts";
import { createSupervisor } from "../supervisor/supervisor.ts";
import { createMonthMeters } from "../usage/month-meters.ts";
import { queryUsage } from "../usage/query-usage.ts";
import { logPages } from "./log-pages.ts";
import { logParts } from "./log-deps.ts";
import { doctor } from "./doctor-deps.ts";
import { domainDeps } from "./domain-deps.ts";
import { deployParts } from "./deploy-parts.ts";
import { createDefaultBranch } from "./default-branch.ts";
import { gitDeps } from "./git-deps.ts";
import { createGuard } from "../guard/guard.ts";
import { guardDeps } from "./guard-deps.ts";
import { createReplicaFigures } from "./replica-figures.ts";
import { createEdgeStatus } from "./edge-status.ts";
import { createHostView } from "./host-view.ts";
import { hookDeps } from "./hook-deps.ts";
import { backupDeps } from "./backup-deps.ts";
import { housekeepingDeps } from "./housekeeping-deps.ts";
import { startCroftJobs } from "./jobs.ts";
import { prometheusText } from "./metrics.ts";
import { panelRoute } from "./panel-route.ts";
import { seenEngineDisk } from "./engine-disk.ts";
import { memoryJob } from "./memory-job.ts";
import { mendRepositories } from "./mend-repositories.ts";
import type { OpenData } from "./open-data.ts";
import { requestDeps } from "./request-deps.ts";
import { runPanelDeps } from "./run-panel-deps.ts";
import { runDeps } from "./run-deps.ts";
import { panelDeps } from "./panel-deps.ts";
import { panelProcesses } from "./panel-processes.ts";
import type { DataPaths } from "./paths.ts";
import { systemActor } from "../domain/actor.ts";

interface Wiring {
  settings: Settings;
  paths: DataPaths;
  data: OpenData;
  /** A path below the data directory as the edge can open it. */
  edgePath(path: string): string;
  clock: Clock;
  log: Log;
  version: string;
}

/** Puts the parts together; starts nothing. */
export const wireCroft = ({ settings: given, paths, data, edgePath, clock, log, version }: Wiring) => {
  const settings: Settings = {
    ...given,
    // It changes when the panel's certificate comes.
    get publicUrl() {
      return domains.publicUrl();
    },
  };
  const { secretBox } = data;
  const store = withArchives(data.store);
  const dockerEngine = createDockerEngine({
    dockerHost: settings.dockerHost,
    log,
    clock,
    hostFirewall: settings.dockerHost.startsWith("unix:"),
    installation: settings.networkPool,
    allowRegistries: settings.fetchAllowHosts,
  });
  const edge = createEdgeClient(paths.edge);
  const openSecret = secretBox.open;
  const logs = logParts({
    store,
    engine: dockerEngine,
    dockerHost: settings.dockerHost,
    paths,
    openSecret,
    clock,
    log,
  });
  const { engine } = logs;
  const hostOfSite = (slug: string, environment: string) => hostOf(slug, environment, settings.baseDomain);
  const urlOf = (slug: string, environment: string) => domains.urlOfHost(hostOfSite(slug, environment));

  const fetchPolicy = { allowHosts: settings.fetchAllowHosts, caFile: settings.fetchCaFile };

  const hardVolumes = createHardVolumes({
    images: paths.volumeImages,
    folder: paths.volume,
    wanted: settings.volumeKind,
    log,
  });
  const engineDisk = seenEngineDisk(engine);
  const supervisorDeps: SupervisorDeps = {
    store,
    engine,
    edge,
    clock,
    log,
    paths,
    edgePath,
    networkPool: settings.networkPool,
    stopGraceSeconds: defaultDeploySettings.stopGraceSeconds,
    drain: async (replicaIds) => {
      if (edgeOn(settings)) await edge.drain(replicaIds, settings.drainSeconds * 1000);
    },
    openSecret,
    hostOf: hostOfSite,
    edgeOn: edgeOn(settings),
    trustedProxies: settings.trustedProxies,
    panel: panelRoute(settings.panelDomain, edgePath(paths.panelSocket)),
    monthMeters: (environmentIds) => monthMeters(environmentIds),
    hardVolumes,
    diskSpace: async () => {
      const { folder } = await engineDisk.first();
      return diskSpaceOf([paths.volumes, ...(folder === null ? [] : [folder])]);
    },
    folderBytes: async (path, options) => (existsSync(path) ? folderBytes(path, options) : 0),
    removeFolder,
    nextTime,
    cancelDeployment: (id) => queue.cancel(id),
    removeLog: logs.remove,
  };
  const supervisor = createSupervisor(supervisorDeps);
  const domains = domainDeps({
    settings: given,
    store,
    secretBox,
    clock,
    log,
    version,
    edge,
    publishRoutes: supervisor.routes.publish,
  });

  const guard = createGuard(
    guardDeps({ isOn: settings.guard, store, engine, supervisor, clock, log, dataDir: settings.dataDir }),
  );
  const deployDeps: DeployDeps = deployParts({
    settings,
    store,
    engine,
    edge,
    supervisor,
    clock,
    log,
    paths,
    openSecret,
    buildObstacle: guard.buildObstacle,
    urlOf,
    hostOf: hostOfSite,
    edgeProblem: () => edgeStatus.status().problem ?? supervisor.routes.problem(),
  });
  const queue = createQueue(deployDeps);

  const sites: SiteDeps = {
    store,
    clock,
    secretBox,
    hostMemoryBytes: () => supervisor.engineStatus().info?.memoryBytes ?? null,
    engineUp: () => supervisor.engineStatus().up,
    networkSlots: networkSlots(settings.networkPool),
    hardVolumes,
    layerQuota: () => engineDisk.seen()?.layerQuota ?? false,
    urlOf,
    sleep: { ...supervisor, nextTime },
    defaultBranch: createDefaultBranch((url, signal) => listRemote({ url, ...fetchPolicy, signal })),
    urlOfHost: domains.urlOfHost,
    get publicUrl() {
      return settings.publicUrl;
    },
    panelDomain: settings.panelDomain,
    onChange: {
      limits: supervisor.applyLimits,
      environment: async () => {
        await supervisor.routes.publish(AbortSignal.timeout(1000)).catch(() => {});
        supervisor.kick();
        domains.certificates.kick();
      },
      links: () => Promise.race([supervisor.pass(), Bun.sleep(5000)]),
      deleted: (siteId) => {
        running.siteDeleted(siteId);
        void supervisor.routes.publish(AbortSignal.timeout(5000)).catch(() => {});
        supervisor.kick();
        domains.certificates.kick();
      },
      volumeRemoved: (volume) => removeVolumeData(supervisorDeps, volume),
    },
  };
  const running = runDeps({
    store,
    engine,
    engineUp: () => supervisor.engineStatus().up,
    clock,
    log,
    sites,
    supervisor: supervisorDeps,
    wake: (environmentId) => supervisor.wake(environmentId, "a command is to run in it"),
    openSecret,
  });
  const deployments = createDeployments({
    ...deployDeps,
    queue,
    reachSite: (actor, slug, action, environment) => reachSite(sites, actor, slug, action, environment),
    reachEnvironment: (actor, id, action, what) => reachEnvironment(sites, actor, id, action, what),
  });

  const identity = createIdentity({ store, dataDir: settings.dataDir, clock, log });
  const usageFiles = openUsageFiles(paths.usage, { log });
  const usage = {
    files: usageFiles,
    rollups: usageQueries(data.db),
    clock,
    sampleSeconds: settings.sampleSeconds,
  };
  const figures = createReplicaFigures(engine.readings, clock);
  const requests = requestDeps({ paths, sites, clock, log });
  const monthMeters = createMonthMeters(usage);
  const edgeStatus = createEdgeStatus({ up: supervisor.edgeUp, health: edge.health });
  const { housekeeping, job: tidying } = housekeepingDeps({ store, deploy: deployDeps, paths, clock, log });
  const host = createHostView({
    version,
    dataDir: settings.dataDir,
    engine: supervisor.engineStatus,
    edge: edgeStatus.details,
  });
  const siteLogs = logs.routes((...asked) => reachSite(sites, ...asked));
  const retention = logs.retention((...asked) => reachSite(sites, ...asked));
  const backups = backupDeps({ paths, clock, log, version }, data);
  const hooks = hookDeps({ store, sites, deployments, secretBox, clock, settings });
  const git = gitDeps({
    log,
    paths,
    identity,
    sites,
    store,
    deployments,
    engine: supervisor.engineStatus,
    urlOf,
  });

  const examineHost = doctor({
    hardVolumes,
    diskSpace: supervisorDeps.diskSpace,
    settings,
    store,
    clock,
    engine: supervisor.engineStatus,
    edge: edgeStatus.details,
    pointsHere: domains.routes.domains.pointsHere,
  });

  const pages = panelDeps({
    examine: examineHost,
    housekeeping,
    settings,
    clock,
    log,
    setupTokenPath: paths.setupToken,
    identity,
    sites,
    deployments,
    usage,
    requests: requests.deps,
    guard,
    engine: supervisor.engineStatus,
    edge: edgeStatus.status,
    host,
    https: domains.routes.https,
    logs: logPages(siteLogs, retention),
    backups,
    domains: domains.panel,
    hooks: hooks.panel,
    processes: panelProcesses({ sites, figures: figures.of }),
    runs: runPanelDeps(running.runs),
  });
  const app = createApp({
    log,
    version,
    get publicUrl() {
      return settings.publicUrl;
    },
    identity,
    sites,
    deployments,
    siteLogs,
    retention,
    ...domains.routes,
    ...hooks.routes,
    processes: { sites, figures: figures.of },
    host,
    guard,
    examine: examineHost,
    housekeeping,
    ...backups,
    requests: requests.deps,
    runs: running.runs,
    usage: async (actor, slug, { resolution, from, to }, environmentName) => {
      const { environment } = await reachSite(sites, actor, slug, "read", environmentName);
      const { items } = await queryUsage(usage, { environmentId: environment.id, resolution, from, to });
      return { items, limits: limitsOf(environment) };
    },
    readiness: async () => ({
      database: await store.setting("master_key_fingerprint").then(
        () => true,
        () => false,
      ),
      engine: supervisor.engineStatus().up,
      edge: supervisor.edgeUp(),
    }),
    metrics: () =>
      prometheusText({
        store,
        edge,
        engineUp: () => supervisor.engineStatus().up,
        sites: () => listSites(sites, systemActor("metrics")),
        monthMeters,
      }),
    git: gitRemote(git.remote) as unknown as Hono<AppEnv>,
    hooks: hooks.inbound,
    panel: panelRoutes(pages),
    pageError: pageError(pages),
  });

  return {
    app,
    certificates: domains.certificates,
    /** For each edge that is new to the daemon. */
    edgeRestarted: () => {
      supervisor.kick();
      domains.edgeRestarted();
    },
    collector: logs.collector,
    edgeTrouble: edgeStatus.trouble,
    supervisor,
    guard,
    queue,
    deployDeps,
    runs: running.runs,
    mendRepositories: () => mendRepositories({ log, paths, store, deployments }),
    hookDeps: { ...git.hooks, pushes: git.pushes },
    startJobs: () =>
      startCroftJobs({
        supervisor,
        usage,
        identity,
        store,
        readings: figures.readings,
        edge,
        paths,
        diskSeconds: settings.diskSeconds,
        more: [
          memoryJob(),
          ...backups.jobs,
          ...domains.jobs,
          tidying,
          requests.job,
          ...logs.jobs,
          running.job,
        ],
        clock,
        log,
      }),
    close: () => {
      usageFiles.close();
      requests.close();
    },
  };
};

export type Croft = ReturnType<typeof wireCroft>;
