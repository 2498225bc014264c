import { totalmem } from "node:os";
import { edgeOn, type Settings } from "../config.ts";
import type { Store } from "../db/store.ts";
import { buildLimitsFor, defaultDeploySettings, type DeployDeps } from "../deploy/deps.ts";
import { createNotifier } from "../deploy/notifier.ts";
import type { EdgeClient } from "../edge/client.ts";
import { checkoutCommit, fetchRepository, resolveCommit } from "../git/source.ts";
import { retentionOf } from "../retention/settings.ts";
import { buildNetworkOf } from "../supervisor/networks.ts";
import { probe } from "../supervisor/probe.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { DataPaths } from "./paths.ts";

interface Wiring extends Pick<
  DeployDeps,
  "engine" | "clock" | "log" | "openSecret" | "buildObstacle" | "urlOf" | "hostOf" | "edgeProblem"
> {
  settings: Settings;
  store: Store;
  edge: EdgeClient;
  supervisor: Supervisor;
  paths: DataPaths;
}

/** What deployments need, met by the other parts. */
export const deployParts = ({ settings, edge, supervisor, store, ...rest }: Wiring): DeployDeps => ({
  ...rest,
  store,
  engineUp: () => supervisor.engineStatus().up,
  notifier: createNotifier(),
  releasesKept: async () => (await retentionOf(store)).releasesKept,
  settings: {
    ...defaultDeploySettings,
    buildLimits: buildLimitsFor(totalmem()),
    drainDeadlineMs: settings.drainSeconds * 1000,
  },
  source: {
    fetchRepository: async (input) => {
      const fetched = await fetchRepository({
        ...input,
        allowHosts: settings.fetchAllowHosts,
        caFile: settings.fetchCaFile,
      });
      return fetched.hash;
    },
    branchHead: async (repoPath, branch) =>
      (await resolveCommit({ repoPath, revision: { branch } }))?.hash ?? null,
    checkoutCommit,
  },
  replicas: {
    launch: supervisor.launch,
    remove: supervisor.remove,
    connect: supervisor.connect,
    look: supervisor.kick,
    probe,
  },
  buildNetwork: buildNetworkOf(settings.networkPool),
  publishRoutes: supervisor.routes.publish,
  drain: async (replicaIds, deadlineMs) =>
    !edgeOn(settings) ? 0 : (await edge.drain(replicaIds, deadlineMs)).remaining,
});
