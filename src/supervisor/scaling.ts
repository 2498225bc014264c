import type { ProcessRecord } from "../domain/process.ts";
import type { SupervisorQueries } from "./deps.ts";

/** What decides how much of each environment runs, read once for a whole pass. */
export interface Scaling {
  /** By environment: what people set of its processes. */
  settings: ReadonlyMap<string, readonly ProcessRecord[]>;
  internal: ReadonlySet<string>;
  /** By environment: replicas made before this time are to be replaced, one after the other. */
  restarts: ReadonlyMap<string, number>;
}

export const noScaling: Scaling = { settings: new Map(), internal: new Set(), restarts: new Map() };

export const readScaling = async (
  store: Pick<SupervisorQueries, "allProcesses" | "internalEnvironments" | "rollingRestarts">,
): Promise<Scaling> => ({
  settings: Map.groupBy(await store.allProcesses(), ({ environmentId }) => environmentId),
  internal: await store.internalEnvironments(),
  restarts: new Map(
    (await store.rollingRestarts()).map(({ environmentId, askedAt }) => [environmentId, askedAt]),
  ),
});

/**
 * Whether only one container of an environment may run at a time: an internal site with volumes, such as a database.
 * Two of them on the same files would spoil them, so the old one ends before the new one starts.
 */
export const runsAlone = async (
  store: Pick<SupervisorQueries, "volumesOf">,
  { internal }: Pick<Scaling, "internal">,
  environmentId: string,
): Promise<boolean> => internal.has(environmentId) && (await store.volumesOf(environmentId)).length > 0;
