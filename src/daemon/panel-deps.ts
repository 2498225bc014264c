import {
  callerOf,
  clearSessionCookie,
  csrfToken,
  operatorOnly,
  setSessionCookie,
  type AppEnv,
} from "../http/auth.ts";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import type { Settings } from "../config.ts";
import type { Actor } from "../domain/actor.ts";
import type { Deployments } from "../deploy/deployments.ts";
import type { Finding } from "../doctor/finding.ts";
import type { Housekeeping } from "../housekeeping/housekeeping.ts";
import type { Identity } from "../identity/identity.ts";
import type { HttpsView } from "../domain/views.ts";
import type { EdgeStatus, EngineStatus, HostView, PanelDeps } from "../panel/deps.ts";
import type { RunPanelDeps } from "../panel/run-deps.ts";
import { createSite } from "../sites/create-site.ts";
import { deleteSite } from "../sites/delete-site.ts";
import type { SiteDeps } from "../sites/deps.ts";
import { reachSite } from "../sites/access.ts";
import { setEdgeRules, showEdgeRules } from "../sites/edge-rules.ts";
import { eventsQuery, listEvents, listSiteEvents } from "../sites/events.ts";
import { listEnvVars, setEnvSchema, setEnvVars } from "../sites/env-vars.ts";
import { setLimits } from "../sites/limits.ts";
import { listReleases, listSites, showSite } from "../sites/site-view.ts";
import { readAccessLog } from "../requests/access-log.ts";
import type { RequestDeps } from "../requests/deps.ts";
import { listTopPaths } from "../requests/top-paths.ts";
import { pauseSite, resumeSite } from "../sites/pause.ts";
import { changeSleep, showSleep, sleepSite, wakeSite } from "../sites/sleep.ts";
import { restartSite } from "../sites/restart.ts";
import { setSplit } from "../sites/split.ts";
import { startSite, stopSite } from "../sites/stop-start.ts";
import { updateSite } from "../sites/update-site.ts";
import { addVolume, addVolumeSchema, removeVolume, resizeVolume } from "../sites/volumes.ts";
import type { Guard } from "../guard/guard.ts";
import type { UsageDeps } from "../usage/deps.ts";
import { latestUsage } from "../usage/latest-usage.ts";
import { queryUsage } from "../usage/query-usage.ts";
import { monthToDate } from "../usage/totals.ts";
import type { Context } from "hono";

interface PanelWiring {
  settings: Settings;
  clock: Clock;
  log: Log;
  setupTokenPath: string;
  identity: Identity;
  sites: SiteDeps;
  deployments: Deployments;
  usage: UsageDeps;
  engine(): EngineStatus;
  edge(): EdgeStatus;
  host(): Promise<HostView>;
  https(): Promise<HttpsView>;
  requests: RequestDeps;
  guard: Guard;
  logs: Pick<PanelDeps, "appLog" | "logStorage" | "setLogStorage" | "retention" | "setRetention">;
  housekeeping: Housekeeping;
  examine(): Promise<Finding[]>;
  backups: Pick<PanelDeps, "listBackups" | "createBackup">;
  domains: Pick<
    PanelDeps,
    | "ownAddress"
    | "listDomains"
    | "addDomain"
    | "changeDomain"
    | "verifyDomain"
    | "removeDomain"
    | "listCertificates"
    | "uploadCertificate"
    | "removeCertificate"
    | "httpsSettings"
  >;
  runs: RunPanelDeps;
  processes: PanelDeps["processes"];
  hooks: Pick<PanelDeps, "listHooks" | "createHook" | "rotateHook" | "removeHook" | "hookDeliveries">;
}

/** The panel's needs, met by the features. */
export const panelDeps = (wiring: PanelWiring): PanelDeps => {
  const { identity, sites, deployments, usage, settings } = wiring;
  const environmentIdOf = async (actor: Actor, slug: string): Promise<string> =>
    (await reachSite(sites, actor, slug, "read")).environment.id;
  return {
    clock: wiring.clock,
    log: wiring.log,
    get publicUrl() {
      return settings.publicUrl;
    },
    baseDomain: settings.baseDomain,
    setupTokenPath: wiring.setupTokenPath,
    sampleSeconds: settings.sampleSeconds,
    csrfToken: (c: Context<AppEnv>) => csrfToken(c),

    isSetUp: async () => !(await identity.needsSetup()),
    setup: async (c: Context<AppEnv>, input) => {
      const { user } = await identity.setupOwner(input, callerOf(c));
      setSessionCookie(c, await identity.startSession(user, callerOf(c)));
    },
    signIn: async (c: Context<AppEnv>, input) => {
      setSessionCookie(c, await identity.signIn(input, callerOf(c)));
    },
    signOut: async (c: Context<AppEnv>) => {
      const session = c.get("session");
      const actor = c.get("actor");
      if (session && actor) await identity.endSession(actor, session.id);
      clearSessionCookie(c);
    },
    me: (actor) => identity.getUser(actor.userId),
    siteEvents: (actor, slug, query) => listSiteEvents(sites, actor, slug, eventsQuery(query)),
    events: (actor, query) => listEvents(sites, actor, eventsQuery(query)),
    listUsers: (actor) => identity.listUsers(actor),
    createUser: (actor, input) => identity.createUser(actor, input),
    listKeys: (actor) => identity.listApiKeys(actor),
    createKey: (actor, input) => identity.createApiKey(actor, ["admin"], input as never),
    revokeKey: async (actor, id) => void (await identity.revokeApiKey(actor, id)),

    engine: async () => wiring.engine(),
    edge: wiring.edge,
    host: () => wiring.host(),
    https: (actor) => {
      operatorOnly(actor);
      return wiring.https();
    },
    guard: (actor) => {
      operatorOnly(actor);
      return wiring.guard.view();
    },
    releaseFromGuard: (actor, slug) => {
      operatorOnly(actor);
      return wiring.guard.release(actor, slug);
    },
    ...wiring.backups,
    storage: async (actor) => {
      operatorOnly(actor);
      return wiring.housekeeping.view();
    },
    cleanStorage: async (actor) => {
      operatorOnly(actor);
      return wiring.housekeeping.clean(actor);
    },
    examine: async (actor) => {
      operatorOnly(actor);
      return wiring.examine();
    },

    fleet: async (actor) => {
      const views = await listSites(sites, actor);
      const latest = await latestUsage(
        usage,
        views.map((site) => site.environmentId),
      );
      return views.map((site) => {
        return { site, usage: latest.get(site.environmentId) ?? null };
      });
    },
    getSite: (actor, slug) => showSite(sites, actor, slug),
    createSite: async (actor, input) => {
      const site = await createSite(sites, actor, input);
      const deployment =
        site.repositoryUrl || site.image ? await deployments.deploy(actor, site.slug, {}, "panel") : null;
      return { site: await showSite(sites, actor, site.slug), deployment: deployment?.id ?? null };
    },
    updateSite: async (actor, slug, patch) => {
      await updateSite(sites, actor, slug, patch);
      return showSite(sites, actor, slug);
    },
    deleteSite: async (actor, slug, options) => void (await deleteSite(sites, actor, slug, options)),
    stopSite: (actor, slug) => stopSite(sites, actor, slug),
    startSite: (actor, slug) => startSite(sites, actor, slug),
    restartSite: (actor, slug) => restartSite(sites, actor, slug),
    pauseSite: (actor, slug, input) => pauseSite(sites, actor, slug, input),
    resumeSite: (actor, slug) => resumeSite(sites, actor, slug),
    sleep: {
      show: (actor, slug) => showSleep(sites, actor, slug),
      change: (actor, slug, input) => changeSleep(sites, actor, slug, input),
      sleep: (actor, slug, how) => sleepSite(sites, actor, slug, how),
      wake: (actor, slug) => wakeSite(sites, actor, slug),
    },
    endSplit: async (actor, slug) => void (await setSplit(sites, actor, slug, { releases: [] })),
    showRules: (actor, slug) => showEdgeRules(sites, actor, slug),
    setRules: async (actor, slug, patch) => void (await setEdgeRules(sites, actor, slug, patch)),
    setLimits: async (actor, slug, patch) => void (await setLimits(sites, actor, slug, patch)),

    deploy: async (actor, slug, choice) => (await deployments.deploy(actor, slug, choice, "panel")).id,
    rollback: async (actor, slug, { to }) => (await deployments.rollback(actor, slug, to)).id,
    cancelDeployment: async (actor, id) => void (await deployments.cancel(actor, id)),
    listDeployments: (actor, slug, { before, limit }) =>
      deployments.list(actor, slug, { limit, before: before ?? null }),
    getDeployment: (actor, id) => deployments.get(actor, id),
    deploymentLog: (actor, id, { last }) => deployments.logTail(actor, id, last),
    listReleases: (actor, slug) => listReleases(sites, actor, slug),

    listEnv: (actor, slug) => listEnvVars(sites, actor, slug),
    setEnv: async (actor, slug, change) =>
      void (await setEnvVars(sites, actor, slug, setEnvSchema.parse(change))),
    addVolume: async (actor, slug, input) =>
      void (await addVolume(sites, actor, slug, addVolumeSchema.parse(input))),
    resizeVolume: async (actor, slug, name, sizeBytes) =>
      (await resizeVolume(sites, actor, slug, name, { sizeBytes })).live,
    removeVolume: (actor, slug, name, { confirm }) => removeVolume(sites, actor, slug, name, confirm),
    ...wiring.domains,
    ...wiring.hooks,
    processes: wiring.processes,
    ...wiring.runs,

    usage: async (actor, slug, { resolution, fromMs, toMs }) => {
      const environmentId = await environmentIdOf(actor, slug);
      return (await queryUsage(usage, { environmentId, resolution, from: fromMs, to: toMs })).items;
    },
    monthToDate: async (actor, slug) => monthToDate(usage, await environmentIdOf(actor, slug)),
    topPaths: (actor, slug, query) => listTopPaths(wiring.requests, actor, slug, query),
    accessLog: (actor, slug, query) => readAccessLog(wiring.requests, actor, slug, query),
    ...wiring.logs,
  };
};
