import type { Actor } from "../domain/actor.ts";
import type { Engine } from "../domain/engine.ts";
import type { Store } from "../db/store.ts";
import { reachSite } from "../sites/access.ts";
import type { SiteDeps } from "../sites/deps.ts";

/** What a site's replicas print, read from the engine on request. Looking is for those who may deploy. */
export const createAppLog = (deps: { sites: SiteDeps; store: Store; engine: Engine }) => {
  const replicasOf = async (actor: Actor, slug: string) => {
    const { environment } = await reachSite(deps.sites, actor, slug, "deploy");
    return (await deps.store.liveReplicasOf(environment.id)).filter(
      (replica) => replica.containerId !== null,
    );
  };
  return {
    appLog: async (actor: Actor, slug: string, lines: number): Promise<string[]> => {
      const tails = await Promise.all(
        (await replicasOf(actor, slug)).map((replica) =>
          deps.engine.logTail(replica.id, lines).catch(() => []),
        ),
      );
      return tails.flat().slice(-lines);
    },
    followAppLog: async (
      actor: Actor,
      slug: string,
      onLine: (line: string) => Promise<void>,
      signal: AbortSignal,
    ): Promise<void> => {
      const sinceMs = Date.now();
      await Promise.all(
        (await replicasOf(actor, slug)).map((replica) =>
          deps.engine.followLogs(replica.id, sinceMs, onLine, signal).catch(() => {}),
        ),
      );
    },
  };
};
