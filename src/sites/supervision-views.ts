import { cpus } from "node:os";
import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { burstCeiling } from "../domain/cpu-share.ts";
import type { EnvironmentRecord, ReplicaRecord, SiteRecord } from "../domain/records.ts";
import { defaultRestorePriority } from "../domain/supervision.ts";
import type { CpuBurstView, ReplicaView } from "../domain/views.ts";
import type { SiteInReach } from "./access.ts";
import type { SiteDeps } from "./deps.ts";
import { replicaView } from "./replica-view.ts";

interface SupervisionViews {
  restorePriority: number;
  cpuBurst: CpuBurstView;
  replicas: ReplicaView[];
}

/** What is said of how sites are kept running: a few queries for any number of them. */
export const supervisionViews = async (
  { store }: Pick<SiteDeps, "store">,
  places: readonly SiteInReach[],
  replicas: ReadonlyMap<string, readonly ReplicaRecord[]>,
): Promise<(place: SiteInReach) => SupervisionViews> => {
  const priorities = new Map(
    (await store.restorePrioritiesOf(places.map(({ site }) => site.id))).map((row) => [
      row.siteId,
      row.priority,
    ]),
  );
  const bursts = new Set(
    (await store.cpuBurstsOf(places.map(({ environment }) => environment.id))).map(
      (row) => row.environmentId,
    ),
  );
  const live = [...replicas.values()].flat();
  const exits = new Map(
    (await store.replicaExitsOf(live.map(({ id }) => id))).map((exit) => [exit.replicaId, exit]),
  );
  return ({ site, environment }) => ({
    restorePriority: priorities.get(site.id) ?? defaultRestorePriority,
    cpuBurst: cpuBurstView(environment, bursts.has(environment.id)),
    replicas: (replicas.get(environment.id) ?? []).map((row) => replicaView(row, exits.get(row.id))),
  });
};

export const cpuBurstView = (environment: EnvironmentRecord, on: boolean): CpuBurstView => ({
  on,
  ceilingMillicores: on ? burstCeiling(environment.cpuMillicores, cpus().length) : environment.cpuMillicores,
});

/** How important a site is when all have to come back; with its audit entry. Nothing happens when it is so already. */
export const setRestorePriority = async (
  deps: SiteDeps,
  actor: Actor,
  site: SiteRecord,
  priority: number,
): Promise<void> => {
  const [row] = await deps.store.restorePrioritiesOf([site.id]);
  const before = row?.priority ?? defaultRestorePriority;
  if (before === priority) return;
  await deps.store.transaction(async (queries) => {
    await queries.putRestorePriority({ siteId: site.id, priority });
    const change = { before: { restorePriority: before }, after: { restorePriority: priority } };
    await queries.insertAudit(
      auditEntry(actor, "site.change", { type: "site", id: site.id }, change, deps.clock.nowMs()),
    );
  });
};
