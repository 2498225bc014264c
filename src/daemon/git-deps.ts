import type { Store } from "../db/store.ts";
import { type Actor, actorLabel } from "../domain/actor.ts";
import type { Log } from "../domain/log.ts";
import type { Deployments } from "../deploy/deployments.ts";
import { AppError } from "../errors.ts";
import type { GitRemoteDeps } from "../git/remote.ts";
import { forgetAcceptedPush, noteAcceptedPush } from "../git/source.ts";
import type { PushDeps } from "../git/push-answers.ts";
import { createPushes, type Pushes } from "../git/pushes.ts";
import { callerOf } from "../http/auth.ts";
import type { Identity } from "../identity/identity.ts";
import { scopeAllows } from "../identity/schemas.ts";
import { reachSite } from "../sites/access.ts";
import type { SiteDeps } from "../sites/deps.ts";
import type { EngineStatus } from "../supervisor/supervisor.ts";
import type { DataPaths } from "./paths.ts";
import { programCommand } from "./program.ts";

const engineWaitMs = 3000;

interface GitWiring {
  log: Log;
  paths: DataPaths;
  identity: Identity;
  sites: SiteDeps;
  store: Store;
  deployments: Deployments;
  engine(): EngineStatus;
  urlOf(slug: string, environment: string): string;
}

/** What the git remote and its hooks need of identity, sites and deployments. */
export const gitDeps = (wiring: GitWiring): { remote: GitRemoteDeps; hooks: PushDeps; pushes: Pushes } => {
  const { log, paths, identity, sites, store, deployments } = wiring;
  const pushes = createPushes();
  const environmentOf = async (id: string) => {
    const environment = await store.environmentById(id);
    if (!environment) throw new AppError("not_found", "the site is gone");
    return environment;
  };
  return {
    pushes,
    remote: {
      log,
      pushes,
      hooksDir: paths.hooks,
      socketPath: paths.hookSocket,
      croftCommand: programCommand(),
      authenticate: async (key, action, c): Promise<Actor | null> => {
        const known = await identity.authenticateApiKey(key, callerOf(c));
        if (!known) return null;
        if (!scopeAllows(known.scopes, action))
          throw new AppError("forbidden", `this API key does not hold the scope ${action}`);
        return known.actor;
      },
      findSite: async (actor, slug, action) => {
        try {
          const { site, environment } = await reachSite(sites, actor, slug, action);
          return {
            siteId: site.id,
            slug: site.slug,
            environmentId: environment.id,
            repoPath: paths.repository(site.id),
            branch: environment.branch,
            autoDeploy: environment.autoDeploy === 1,
          };
        } catch (error) {
          if (error instanceof AppError && (error.code === "not_found" || error.code === "forbidden"))
            return null;
          throw error;
        }
      },
    },
    hooks: {
      log,
      checkPush: async ({ site, actor, commit }) => {
        const environment = await environmentOf(site.environmentId);
        const row = await store.siteById(environment.siteId);
        if (row?.type === "image")
          return `site ${site.slug} deploys a ready image; change its type to push code to it`;
        // Right after a start of the daemon, or of Docker, the answer is a moment away.
        for (let waited = 0; !wiring.engine().up && waited < engineWaitMs; waited += 100)
          await Bun.sleep(100);
        const { up, message } = wiring.engine();
        if (!up) return `it cannot be deployed now: ${message}`;
        await noteAcceptedPush(site.repoPath, { branch: site.branch, commit, by: actorLabel(actor) });
        return null;
      },
      startDeployment: async ({ actor, environmentId, branch, commit }) => {
        const environment = await environmentOf(environmentId);
        const deployment = await deployments.start(actor, environment, "push", {
          source: "push",
          branch,
          commit,
        });
        await forgetAcceptedPush(paths.repository(environment.siteId), commit);
        const site = await store.siteById(environment.siteId);
        return {
          deploymentId: deployment.id,
          follow: async (onLine, signal) => {
            const end = await deployments.follow(deployment.id, (line) => onLine(line.message), signal);
            if (!end.ok || !site) return end;
            const unrouted = (await store.internalEnvironments()).union(await store.environmentsWithoutWeb());
            const isRouted = !unrouted.has(environment.id);
            const message = isRouted
              ? wiring.urlOf(site.slug, environment.name)
              : "it runs, without an address";
            return { ...end, message };
          },
        };
      },
    },
  };
};
