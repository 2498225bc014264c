import type { NetworkRef, Ownership, ReplicaSpec, ReplicaState } from "../domain/engine.ts";
import { type LinkRecord, linkVariables } from "../domain/link.ts";
import { webProcess } from "../domain/process.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import type { ReleaseConfig } from "../domain/release.ts";
import { AppError } from "../errors.ts";
import type { SupervisorDeps } from "./deps.ts";
import { linkNetworkOf, networkSlots } from "./networks.ts";

const maxSubnetsTried = 64;
const forgottenAfterMs = 120_000;

type Deps = Pick<SupervisorDeps, "store" | "engine" | "log" | "networkPool" | "clock">;

const ownerOf = async (deps: Deps, link: LinkRecord): Promise<Ownership> => {
  const environment = await deps.store.environmentById(link.environmentId);
  const site = environment && (await deps.store.siteById(environment.siteId));
  return { site: site?.slug ?? "", environment: environment?.name ?? "", release: "", role: "site" };
};

/** Makes sure of a link's network; on another subnet of the pool where something else has taken its own. */
const ensureLinkNetwork = async (deps: Deps, link: LinkRecord): Promise<NetworkRef> => {
  const owner = await ownerOf(deps, link);
  let present = link;
  for (let attempt = 1; ; attempt++) {
    const network = linkNetworkOf(deps.networkPool, present);
    try {
      await deps.engine.ensureNetwork(network, owner);
      return network;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "conflict" || attempt === maxSubnetsTried)
        throw error;
      const networkSlot = await deps.store.nextNetworkSlot(networkSlots(deps.networkPool));
      if (networkSlot === null) throw error;
      await deps.store.moveLink(link.id, networkSlot);
      present = { ...present, networkSlot };
    }
  }
};

/** Networks that a replica joins before it starts, and the variables that tell it of whom it finds there. */
export const linksOfLaunch = async (
  deps: Deps,
  environmentId: string,
): Promise<{ joins: NonNullable<ReplicaSpec["joins"]>; variables: Record<string, string> }> => {
  const joins: NonNullable<ReplicaSpec["joins"]> = [];
  const variables: Record<string, string> = {};
  for (const link of await deps.store.linksOf(environmentId)) {
    try {
      joins.push({ network: (await ensureLinkNetwork(deps, link)).name, aliases: [] });
    } catch (error) {
      // Better started without it than not at all: the supervisor goes on trying.
      if (!(error instanceof AppError) || error.code !== "conflict") throw error;
      deps.log.warn("a link has no network yet", { link: link.name, error });
    }
    Object.assign(variables, linkVariables(link.name, await targetFacts(deps, link)));
  }
  return { joins, variables };
};

const targetFacts = async (
  { store }: Deps,
  link: LinkRecord,
): Promise<{ port: number | null; http: boolean } | null> => {
  const target = await store.environmentById(link.targetEnvironmentId);
  const release = target?.currentReleaseId ? await store.releaseById(target.currentReleaseId) : undefined;
  if (!release || release.imageId === null) return null;
  const { port, healthCheck } = JSON.parse(release.config) as ReleaseConfig;
  return { port, http: healthCheck.type === "http" };
};

/** By which names a linked site reaches a replica of the target; none while it is not to be reached. */
const aliasesOf = (link: LinkRecord, row: ReplicaRecord): string[] | null => {
  if (row.environmentId !== link.targetEnvironmentId || row.state !== "running" || row.port === null)
    return null;
  return [row.process === webProcess ? link.name : `${row.process}.${link.name}`];
};

/**
 * Brings networks in line with links: both ends are on the link's own network, which leads nowhere else, the target
 * under its name once it runs; a link that was cut loses its network. Others reach neither end by it.
 * @param environmentId only links from or to it
 */
export const keepLinks = async (deps: Deps, environmentId: string | null = null): Promise<void> => {
  const all = (await deps.store.allLinks()).filter(
    (link) =>
      environmentId === null || [link.environmentId, link.targetEnvironmentId].includes(environmentId),
  );
  if (all.length === 0) return;
  const rows = await deps.store.liveReplicas();
  const actual = new Map((await deps.engine.listReplicas()).map((one) => [one.replicaId, one]));
  for (const link of all)
    try {
      if (link.cutAt !== null) await cut(deps, link);
      else await keepLink(deps, link, rows, actual);
    } catch (error) {
      if (error instanceof AppError && error.code === "engine_unavailable") throw error;
      deps.log.warn("a link is not in place; the next pass tries again", { link: link.name, error });
    }
};

const cut = async (deps: Deps, link: LinkRecord): Promise<void> => {
  await deps.engine.removeNetwork(linkNetworkOf(deps.networkPool, link).name);
  // What was being launched as it was cut may make its network once more.
  if (deps.clock.nowMs() - (link.cutAt ?? 0) > forgottenAfterMs) await deps.store.deleteLink(link.id);
};

const keepLink = async (
  deps: Deps,
  link: LinkRecord,
  rows: readonly ReplicaRecord[],
  actual: ReadonlyMap<string, ReplicaState>,
): Promise<void> => {
  const { name } = linkNetworkOf(deps.networkPool, link);
  const missing: { replicaId: string; aliases: string[]; leaveFirst: boolean }[] = [];
  for (const row of rows) {
    const aliases = row.environmentId === link.environmentId ? [] : aliasesOf(link, row);
    const container = actual.get(row.id);
    if (aliases === null || !container) continue;
    const joined = container.networks.find((one) => one.name === name);
    if (joined && aliases.every((alias) => joined.aliases.includes(alias))) continue;
    missing.push({ replicaId: row.id, aliases, leaveFirst: joined !== undefined });
  }
  if (missing.length === 0) return;
  await ensureLinkNetwork(deps, link);
  for (const { replicaId, aliases, leaveFirst } of missing)
    try {
      if (leaveFirst) await deps.engine.leaveNetwork(replicaId, name);
      await deps.engine.joinNetwork(replicaId, name, aliases);
    } catch (error) {
      // It went meanwhile.
      if (!(error instanceof AppError) || error.code !== "not_found") throw error;
    }
};
