import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import {
  desiredProcesses,
  mostProcesses,
  type ProcessRecord,
  type ProcessSettings,
  processesToFreeze,
  type ReleaseProcess,
  type Scale,
  webProcess,
} from "../domain/process.ts";
import type { ProcessView, ReplicaFigures } from "../domain/process-view.ts";
import type { EnvironmentRecord, ReleaseRecord } from "../domain/records.ts";
import type { ReleaseConfig } from "../domain/release.ts";
import { conflict, invalid, notFound } from "../errors.ts";
import { reachSite } from "./access.ts";
import { checkScale, scaledTo } from "./check-scale.ts";
import type { SiteDeps, SiteQueries } from "./deps.ts";
import { replicaView } from "./replica-view.ts";

export interface ProcessDeps {
  sites: SiteDeps;
  /** Of the last sample; null when it did not run then. */
  figures(replicaId: string): ReplicaFigures | null;
}

const currentRelease = async (
  store: Pick<SiteQueries, "releaseById">,
  environment: EnvironmentRecord,
): Promise<ReleaseRecord | undefined> =>
  environment.currentReleaseId === null ? undefined : store.releaseById(environment.currentReleaseId);

/** What a site without a release would run of it: `web`, and what people named. */
const unreleased: ReleaseConfig = {
  kind: "container",
  imageId: null,
  port: null,
  startCommand: null,
  healthCheck: { type: "http", path: "/", intervalSeconds: 1, deadlineSeconds: 60, timeoutSeconds: 5 },
};

/** The processes of an environment and their replicas, `web` first; those that wait for the next deployment last. */
export const listProcesses = async (
  { sites, figures }: ProcessDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<ProcessView[]> => {
  const { environment } = await reachSite(sites, actor, slug, "read", environmentName);
  const { store } = sites;
  const release = await currentRelease(store, environment);
  const config = release ? (JSON.parse(release.config) as ReleaseConfig) : unreleased;
  const settings = await store.processesOf(environment.id);
  const rows = await store.liveReplicasOf(environment.id);
  const numbers = new Map((await store.releasesOf(environment.id)).map(({ id, number }) => [id, number]));
  const isInternal = (await store.internalEnvironments()).has(environment.id);

  const now = release ? desiredProcesses(config, environment, settings) : [];
  const next = desiredProcesses(
    { ...config, processes: nextOthers(config, settings) },
    environment,
    settings,
  );
  const coming = next.filter(({ name }) => !now.some((one) => one.name === name));
  // What was taken out of the release while the site runs on.
  const known = new Set([...now, ...coming].map(({ name }) => name));
  const left = [...new Set(rows.map((row) => row.process))].filter((name) => !known.has(name));
  const { memoryBytes, cpuMillicores, pids } = environment;
  const leaving = left.map((name) => ({
    ...{ name, command: null, port: null, replicas: 0 },
    limits: { memoryBytes, cpuMillicores, pids },
  }));
  return [...now, ...coming, ...leaving].map(({ name, command, port, replicas, limits }) => {
    const own = rows.filter((row) => row.process === name);
    return {
      ...{ name, command, port, limits },
      internal: name !== webProcess || isInternal,
      isSet: settings.some((one) => one.name === name),
      state: left.includes(name)
        ? "leaving"
        : coming.some((one) => one.name === name)
          ? "waiting"
          : "current",
      replicas: { wanted: replicas, running: own.filter(({ state }) => state === "running").length },
      items: own.map((row) => {
        const used = figures(row.id);
        return {
          ...replicaView(row),
          release: numbers.get(row.releaseId) ?? null,
          memoryBytes: used?.memoryBytes ?? null,
          cpuPercent: used?.cpuPercent ?? null,
        };
      }),
    };
  });
};

const nextOthers = (config: ReleaseConfig, settings: readonly ProcessRecord[]): ReleaseProcess[] =>
  processesToFreeze(config.processes ?? [], settings);

/**
 * Sets how many replicas of each process run; what is missing is started, what is too much drained and stopped.
 * @throws AppError `invalid_input` for a process that is not there, and where bounds are passed; `conflict`
 */
export const scaleSite = async (
  deps: ProcessDeps,
  actor: Actor,
  slug: string,
  counts: Scale,
  environmentName?: string,
): Promise<ProcessView[]> => {
  const { sites } = deps;
  const { site, environment } = await reachSite(sites, actor, slug, "change", environmentName);
  const nowMs = sites.clock.nowMs();
  const before = await listProcesses(deps, actor, slug, environmentName);
  if (before.length === 0) throw conflict(`nothing runs of ${slug}: the edge serves its files`);
  for (const name of Object.keys(counts))
    if (!before.some((one) => one.name === name))
      throw invalid(name, `is no process of ${slug}; it has ${before.map((one) => one.name).join(", ")}`);
  await checkScale(sites, environment, before, scaledTo(before, counts));
  await sites.store.transaction(async (queries) => {
    const settings = await queries.processesOf(environment.id);
    for (const [name, replicas] of Object.entries(counts))
      if (name === webProcess) await queries.updateEnvironment(environment.id, { replicas });
      else
        await queries.putProcess({
          ...(settings.find((one) => one.name === name) ?? noSettings(environment.id, name)),
          ...{ replicas, updatedAt: nowMs },
        });
    const wanted = Object.fromEntries(before.map((one) => [one.name, one.replicas.wanted]));
    await queries.insertAudit(
      auditEntry(
        actor,
        "site.scale",
        { type: "site", id: site.id },
        { before: wanted, after: counts },
        nowMs,
      ),
    );
  });
  await sites.onChange.environment(environment.id);
  return listProcesses(deps, actor, slug, environmentName);
};

const noSettings = (environmentId: string, name: string): ProcessRecord => ({
  ...{ environmentId, name, command: null, port: null, replicas: null },
  ...{ memoryBytes: null, cpuMillicores: null, pids: null, updatedAt: 0 },
});

/**
 * Adds or changes a process besides `web`. Its command and port belong to the release, so they come with the next
 * deployment; replicas and limits hold at once.
 * @throws AppError `invalid_input`, `conflict`; `engine_unavailable` when limits are stored but not applied yet
 */
export const setProcess = async (
  deps: ProcessDeps,
  actor: Actor,
  slug: string,
  name: string,
  input: ProcessSettings,
  environmentName?: string,
): Promise<ProcessView> => {
  const { sites } = deps;
  const { site, environment } = await reachSite(sites, actor, slug, "change", environmentName);
  if (name === webProcess)
    throw invalid("name", "web is set by the site's own fields, its limits and its replicas");
  if (site.type === "static") throw conflict(`${slug} is a static site: nothing runs; change its type first`);
  if ((await sites.store.linksOf(environment.id)).some((link) => link.name === name))
    throw conflict(`name: ${name} is a link of ${slug}, which its processes reach by that name`);
  const nowMs = sites.clock.nowMs();
  const before = await listProcesses(deps, actor, slug, environmentName);
  const present = before.find((one) => one.name === name);
  if (!present && !input.command)
    throw invalid("command", `is needed for a new process: ${slug} has no process ${name} yet`);
  if (!present && before.filter((one) => one.name !== webProcess).length >= mostProcesses)
    throw conflict(`a site can have at most ${mostProcesses} processes besides web`);
  const { memoryBytes, cpuMillicores, pids } = environment;
  const after = {
    name,
    replicas: { wanted: input.replicas ?? present?.replicas.wanted ?? 1 },
    limits: {
      memoryBytes: input.memoryBytes ?? present?.limits.memoryBytes ?? memoryBytes,
      cpuMillicores: input.cpuMillicores ?? present?.limits.cpuMillicores ?? cpuMillicores,
      pids: input.pids ?? present?.limits.pids ?? pids,
    },
  };
  const others = before.filter((one) => one.name !== name);
  await checkScale(sites, environment, before, [...others, after]);
  await sites.store.transaction(async (queries) => {
    const old = (await queries.processesOf(environment.id)).find((one) => one.name === name);
    const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
    await queries.putProcess({
      ...(old ?? noSettings(environment.id, name)),
      ...given,
      updatedAt: nowMs,
    });
    await queries.insertAudit(
      auditEntry(
        actor,
        "process.set",
        { type: "site", id: site.id },
        { before: old && { ...old }, after: { name, ...given } },
        nowMs,
      ),
    );
  });
  await sites.onChange.environment(environment.id);
  await sites.onChange.limits(environment.id);
  const view = (await listProcesses(deps, actor, slug, environmentName)).find((one) => one.name === name);
  if (!view) throw notFound(`process ${name}`);
  return view;
};

/**
 * Takes back what was set of a process. One that the source does not name ends with the next deployment; one that it
 * names goes on as the source says.
 * @throws AppError `not_found`
 */
export const removeProcess = async (
  deps: ProcessDeps,
  actor: Actor,
  slug: string,
  name: string,
  environmentName?: string,
): Promise<void> => {
  const { sites } = deps;
  const { site, environment } = await reachSite(sites, actor, slug, "change", environmentName);
  await sites.store.transaction(async (queries) => {
    const before = (await queries.processesOf(environment.id)).find((one) => one.name === name);
    if (!before || !(await queries.deleteProcess(environment.id, name)))
      throw notFound(`what was set of process ${name}`);
    await queries.insertAudit(
      auditEntry(actor, "process.remove", { type: "site", id: site.id }, { before }, sites.clock.nowMs()),
    );
  });
  await sites.onChange.environment(environment.id);
  await sites.onChange.limits(environment.id);
};
