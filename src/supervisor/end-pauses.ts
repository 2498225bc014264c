import type { SupervisorDeps } from "./deps.ts";

/** Ends pauses whose time is over. @returns when the next one ends; null when there is none */
export const endPauses = async (
  deps: Pick<SupervisorDeps, "store" | "clock" | "log">,
): Promise<number | null> => {
  const nowMs = deps.clock.nowMs();
  let nextMs: number | null = null;
  for (const pause of await deps.store.allPauses())
    if (pause.resumesAt > nowMs) nextMs = Math.min(nextMs ?? pause.resumesAt, pause.resumesAt);
    else if (await deps.store.endPause(pause))
      deps.log.info("a paused site goes on by itself", { environment: pause.environmentId });
  return nextMs;
};
