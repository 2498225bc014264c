import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { tell } from "./tell.ts";

/**
 * Tells of containers that say they belong to one of our sites, but were not made by Croft: they are left alone, get no
 * visitors, and are held to no limits.
 */
export const tellOfForeign = async (
  deps: Pick<SupervisorDeps, "store" | "engine" | "clock">,
  environments: readonly Pick<LiveEnvironment, "id" | "slug" | "name">[],
): Promise<void> => {
  const foreign = new Map(deps.engine.foreignContainers().map((one) => [one.containerId, one]));
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
