import { AppError } from "../../errors.ts";
import type { SupervisorDeps } from "../deps.ts";

/** A count that takes longer is made while nothing is written: small files are soon written, and slowly counted. */
const holdAfterMs = 300;
/** However much there is to count, visitors do not wait longer. */
const longestHoldMs = 20_000;

type Deps = Pick<SupervisorDeps, "engine" | "log">;

/**
 * Counts, and has replicas stand still while that takes long, until they are let go on.
 * @param held environments that stand still for it, so that nobody takes them for forgotten
 */
export const countStill = async <T>(
  deps: Deps,
  environmentId: string,
  replicaIds: readonly string[],
  held: Set<string>,
  count: () => Promise<T>,
): Promise<{ counted: T; letGoOn(): Promise<void> }> => {
  const counting = count();
  const soon = Promise.withResolvers<"late">();
  const timer = setTimeout(() => soon.resolve("late"), holdAfterMs);
  const first = await Promise.race([counting.then(() => "through"), soon.promise]).finally(() =>
    clearTimeout(timer),
  );
  if (first === "through") return { counted: await counting, letGoOn: async () => {} };
  held.add(environmentId);
  const paused = await pauseAll(deps, replicaIds);
  let isHeld = true;
  const letGoOn = async (): Promise<void> => {
    if (!isHeld) return;
    isHeld = false;
    clearTimeout(end);
    held.delete(environmentId);
    for (const id of paused) await goOn(deps, id);
  };
  const end = setTimeout(() => void letGoOn(), longestHoldMs);
  try {
    return { counted: await counting, letGoOn };
  } catch (error) {
    await letGoOn();
    throw error;
  }
};

/** @returns those that stand still by this: what did before is somebody else's to let go on */
const pauseAll = async ({ engine, log }: Deps, replicaIds: readonly string[]): Promise<string[]> => {
  const paused: string[] = [];
  for (const id of replicaIds)
    try {
      const state = await engine.inspectReplica(id);
      if (!state?.running || state.paused) continue;
      await engine.pauseReplica(id);
      paused.push(id);
    } catch (error) {
      log.warn("a replica does not stand still while its disk is counted", { replica: id, error });
    }
  return paused;
};

const goOn = async ({ engine, log }: Deps, id: string): Promise<void> => {
  try {
    await engine.unpauseReplica(id);
  } catch (error) {
    // It has ended, or is gone. Otherwise the supervisor lets go on what stands still without a reason.
    if (!(error instanceof AppError && ["conflict", "not_found"].includes(error.code)))
      log.warn("a replica did not go on after its disk was counted", { replica: id, error });
  }
};
