import type { ForeignContainer, ReplicaState } from "../domain/engine.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { tell } from "./tell.ts";

interface SortedOut {
  /** By replica. */
  own: Map<string, ReplicaState>;
  /** Replicas whose row says that they are gone. */
  strays: string[];
  impostors: ForeignContainer[];
}

/**
 * Whose the engine's containers are. By its labels and name alone none is ours: it has to be the one that its row knows.
 * Others' are in no list, such as those of another installation on the same engine.
 */
export const sortOut = async (
  deps: { store: Pick<SupervisorDeps["store"], "replicaById"> },
  environments: readonly Pick<LiveEnvironment, "id" | "slug" | "name">[],
  live: readonly ReplicaRecord[],
  containers: readonly ReplicaState[],
): Promise<SortedOut> => {
  const rows = new Map(live.map((row) => [row.id, row]));
  const sorted: SortedOut = { own: new Map(), strays: [], impostors: [] };
  for (const container of containers) {
    const { replicaId, containerId } = container;
    const row = rows.get(replicaId) ?? (await deps.store.replicaById(replicaId));
    // A daemon that was killed over a start has not written down what it made.
    if (row && row.containerId !== null && row.containerId !== containerId) {
      const environment = environments.find(({ id }) => id === row.environmentId);
      if (environment)
        sorted.impostors.push({
          ...{ containerId, name: `croft-${replicaId}` },
          ...{ site: environment.slug, environment: environment.name },
        });
    } else if (row?.state === "removed") sorted.strays.push(replicaId);
    else if (row) sorted.own.set(replicaId, container);
  }
  return sorted;
};

/**
 * Tells of containers that say they belong to one of our sites, but were not made by Croft: they are left alone, get no
 * visitors, and are held to no limits.
 */
export const tellOfForeign = async (
  deps: Pick<SupervisorDeps, "store" | "engine" | "clock">,
  environments: readonly Pick<LiveEnvironment, "id" | "slug" | "name">[],
  impostors: readonly ForeignContainer[],
): Promise<void> => {
  const foreign = new Map(
    [...deps.engine.foreignContainers(), ...impostors].map((one) => [one.containerId, one]),
  );
  const known = new Set<string>();
  for (const event of await deps.store.openEvents("container.foreign")) {
    const { container } = JSON.parse(event.details) as { container: string };
    if (foreign.has(container)) known.add(container);
    else await deps.store.endEvent(event.id, deps.clock.nowMs());
  }
  for (const { containerId, name, site, environment } of foreign.values()) {
    const own = environments.find((one) => one.slug === site && one.name === environment);
    if (own === undefined || known.has(containerId)) continue;
    await tell(deps, {
      kind: "container.foreign",
      severity: "warning",
      environmentId: own.id,
      message: `The container ${name} carries this site's labels, but Croft has not made it: it is left alone, and within none of the site's limits.`,
      details: { container: containerId, name },
      lasts: true,
    });
  }
};
