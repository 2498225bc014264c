import { longestPauseMs } from "../domain/traffic.ts";
import type { SupervisorDeps } from "./deps.ts";

/** A clock may be corrected by so much. */
const slackMs = 60_000;

/**
 * Ends pauses whose time is over, also those from before a clock was set back: nobody is to wait for longer than the
 * longest pause. @returns when the next one ends; null when there is none */
export const endPauses = async (
  deps: Pick<SupervisorDeps, "store" | "clock" | "log">,
): Promise<number | null> => {
  const nowMs = deps.clock.nowMs();
  let nextMs: number | null = null;
  for (const pause of await deps.store.allPauses())
    if (pause.resumesAt > nowMs && pause.resumesAt <= nowMs + longestPauseMs + slackMs)
      nextMs = Math.min(nextMs ?? pause.resumesAt, pause.resumesAt);
    else if (await deps.store.endPause(pause))
      deps.log.info("a paused site goes on by itself", { environment: pause.environmentId });
  return nextMs;
};
