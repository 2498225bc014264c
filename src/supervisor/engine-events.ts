import type { SupervisorDeps } from "./deps.ts";
import { tell } from "./tell.ts";

type Deps = Pick<SupervisorDeps, "store" | "clock">;

/** Tells that the engine is away; once, until it is back. */
export const tellLost = async (deps: Deps, message: string): Promise<void> => {
  if ((await deps.store.openEvents("engine.lost")).length > 0) return;
  await tell(deps, {
    kind: "engine.lost",
    severity: "critical",
    environmentId: null,
    message: `${message}. Nothing can be deployed, started or woken until it answers.`,
    lasts: true,
  });
};

/** Tells that it is back, and what was done then. @param restarted containers that were started again */
export const tellBack = async (deps: Deps, restarted: number): Promise<void> => {
  const [lost, ...more] = await deps.store.openEvents("engine.lost");
  if (lost === undefined) return;
  const nowMs = deps.clock.nowMs();
  for (const event of [lost, ...more]) await deps.store.endEvent(event.id, nowMs);
  const seconds = Math.max(1, Math.round((nowMs - lost.at) / 1000));
  const containers = restarted === 1 ? "1 container is being" : `${restarted} containers are being`;
  await tell(deps, {
    kind: "engine.back",
    severity: "info",
    environmentId: null,
    message: `The container engine answers again after ${seconds} s; ${restarted === 0 ? "all containers run" : `${containers} started again`}.`,
    details: { awaySeconds: seconds, restarted },
  });
};
