import type { ReplicaRecord } from "../domain/records.ts";
import type { AppError } from "../errors.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { tell } from "./tell.ts";

/** Such as Docker's `network 0123abcd… not found`: a container is bound to what it was made with. */
const isGone = /network \S+ (?:was )?not found|could not find a network|no such network/i;
/** After so many starts that failed in a row the container itself is what is spoilt. */
const mostFailedStarts = 3;

/**
 * Gives up a container that can be started no more: removes it, so that a new one of the same release takes its place
 * in the next pass. @returns false when it may still be started
 */
export const replaceContainer = async (
  deps: Pick<SupervisorDeps, "store" | "engine" | "clock" | "log">,
  environment: Pick<LiveEnvironment, "id" | "slug">,
  row: ReplicaRecord,
  error: AppError,
): Promise<boolean> => {
  const lost = isGone.test(error.publicMessage);
  if (!lost && row.restarts < mostFailedStarts) return false;
  deps.log.warn("a container cannot be started any more and is replaced", {
    site: environment.slug,
    replica: row.id,
    error,
  });
  await deps.engine.removeReplica(row.id);
  await deps.store.moveReplica(row.id, row.state, {
    state: "removed",
    endedAt: deps.clock.nowMs(),
    nextRestartAt: null,
  });
  await tell(deps, {
    kind: "container.replaced",
    severity: "warning",
    environmentId: environment.id,
    message: lost
      ? "Its network had been removed by somebody outside Croft; a new container takes the place of the old one."
      : `Its container could not be started any more (${error.publicMessage}); a new one takes its place.`,
    details: { replica: row.id },
  });
  return true;
};
