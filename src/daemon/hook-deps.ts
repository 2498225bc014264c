import type { Settings } from "../config.ts";
import type { Store } from "../db/store.ts";
import type { Deployments } from "../deploy/deployments.ts";
import {
  createHook,
  deleteHook,
  type HookDeps,
  listDeliveries,
  listHooks,
  rotateHook,
} from "../deploy/hooks.ts";
import { createWebhooks } from "../deploy/webhook.ts";
import { systemActor } from "../domain/actor.ts";
import type { Clock } from "../domain/clock.ts";
import { conflict } from "../errors.ts";
import { githubHook } from "../http/hooks/github.ts";
import type { SecretBox } from "../identity/secret-box.ts";
import type { PanelDeps } from "../panel/deps.ts";
import { reachSite } from "../sites/access.ts";
import type { SiteDeps } from "../sites/deps.ts";

interface HookWiring {
  store: Store;
  sites: SiteDeps;
  deployments: Deployments;
  secretBox: SecretBox;
  clock: Clock;
  settings: Settings;
}

/** Webhooks: their management for API and panel, and the door for git hosts. */
export const hookDeps = ({ store, sites, deployments, secretBox, clock, settings }: HookWiring) => {
  const deps: HookDeps = {
    store,
    secretBox,
    clock,
    get publicUrl() {
      return settings.publicUrl;
    },
    reachSite: (actor, slug, action, environment) => reachSite(sites, actor, slug, action, environment),
  };
  const webhooks = createWebhooks({
    store,
    openSecret: secretBox.open,
    clock,
    enqueue: async ({ environment, site }, { branch, commit }) => {
      if (!site.repositoryUrl)
        throw conflict("the site has no repository URL to fetch from; set it, then deliver again");
      const source = "repository" as const;
      const actor = systemActor("GitHub webhook");
      const deployment = await deployments.start(actor, environment, "webhook", { source, branch, commit });
      return { deploymentId: deployment.id };
    },
  });
  const panel: Pick<PanelDeps, "listHooks" | "createHook" | "rotateHook" | "removeHook" | "hookDeliveries"> =
    {
      listHooks: (actor, slug) => listHooks(deps, actor, slug),
      createHook: (actor, slug, input) => createHook(deps, actor, slug, input as { provider: "github" }),
      rotateHook: (actor, slug, id) => rotateHook(deps, actor, slug, id),
      removeHook: (actor, slug, id) => deleteHook(deps, actor, slug, id),
      hookDeliveries: (actor, slug, id) => listDeliveries(deps, actor, slug, id),
    };
  return { routes: { hooksOf: deps }, inbound: githubHook(webhooks), panel };
};
