import type { SupervisorQueries } from "./deps.ts";

/**
 * Whether only one container of an environment may run at a time: an internal site with volumes, such as a database.
 * Two of them on the same files would spoil them, so the old one ends before the new one starts.
 */
export const runsAlone = async (
  store: Pick<SupervisorQueries, "internalEnvironments" | "volumesOf">,
  environmentId: string,
): Promise<boolean> =>
  (await store.internalEnvironments()).has(environmentId) &&
  (await store.volumesOf(environmentId)).length > 0;
