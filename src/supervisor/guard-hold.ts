import type { RouteTarget } from "../domain/edge.ts";
import { AppError } from "../errors.ts";
import type { SupervisorDeps } from "./deps.ts";

/** What visitors of a site see that the host guard has paused. */
export const heldTarget: RouteTarget = {
  kind: "message",
  status: 503,
  title: "This site is paused",
  message: "It took more than its server can give at the moment. It goes on by itself.",
};

/** Environments that the host guard has paused. */
export const heldEnvironments = async (
  store: Pick<SupervisorDeps["store"], "allGuardActs">,
): Promise<Set<string>> =>
  new Set(
    (await store.allGuardActs()).flatMap(({ kind, environmentId }) =>
      kind === "pause" && environmentId !== null ? environmentId : [],
    ),
  );

/** One that ended, or does not run: there is nothing to hold or to let go on. */
const unlessGone = (error: unknown): void => {
  if (!(error instanceof AppError) || (error.code !== "conflict" && error.code !== "not_found")) throw error;
};

/**
 * Freezes an environment's containers while the host guard has paused it, those of commands and jobs, too, and lets them
 * go on when it has not; those asleep stay so. Idempotent.
 * @param publish has the edge follow the rows; visitors are told before anything stands still, and let in after it goes on
 */
export const holdOrLetGo = async (
  deps: Pick<SupervisorDeps, "store" | "engine">,
  environmentId: string,
  publish: () => Promise<void>,
): Promise<void> => {
  const { store, engine } = deps;
  const isHeld = (await heldEnvironments(store)).has(environmentId);
  if (isHeld) await publish();
  const isAsleep = (await store.sleepsOf([environmentId])).length > 0;
  if (isHeld || !isAsleep)
    for (const { id, state } of await store.liveReplicasOf(environmentId)) {
      if (state !== "running" && state !== "starting") continue;
      const container = await engine.inspectReplica(id);
      if (!container?.running || container.paused === isHeld) continue;
      await (isHeld ? engine.pauseReplica(id) : engine.unpauseReplica(id)).catch(unlessGone);
    }
  for (const run of await store.openRuns())
    if (run.environmentId === environmentId && run.status === "running" && run.replicaId === null)
      await engine.holdOneOff(run.id, isHeld);
  if (!isHeld) await publish();
};
