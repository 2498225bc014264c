import type { RouteTarget } from "../domain/edge.ts";
import { AppError, publicMessageOf } from "../errors.ts";
import type { SupervisorDeps } from "./deps.ts";
import { buildRoutes } from "./route-table.ts";

const retryPauseMs = 200;

export interface RoutePublisher {
  /**
   * Sends the edge the table that the rows describe at the time of the call or later; resolves when it follows it.
   * @throws AppError `unavailable` when the edge did not take it before the signal aborted
   */
  publish(signal: AbortSignal): Promise<void>;
  /**
   * Leads routes elsewhere at once, without a table; `publish` has to follow when the rows say the same.
   * @throws AppError `unavailable`, `conflict` when the edge has another table by now
   */
  lead(targets: Record<string, RouteTarget>): Promise<void>;
  /** Whether the edge took what it was last told. */
  edgeUp(): boolean;
  /** Why it did not, as a sentence; null when it did. */
  problem(): string | null;
}

/** One publication at a time, each with a version above the one the edge has. */
export const createRoutePublisher = (
  deps: SupervisorDeps,
  launchDelayed: (releaseId: string) => boolean = () => false,
): RoutePublisher => {
  let tail: Promise<void> = Promise.resolve();
  let accepted: { routes: string; version: number; edgeStartedAtMs: number } | null = null;

  let up = false;
  let problem: string | null = null;

  const send = async (): Promise<void> => {
    const routes = await buildRoutes(deps, launchDelayed);
    const text = JSON.stringify(routes);
    const health = await deps.edge.health();
    // An edge that was started anew may hold an older table from its disk.
    if (
      accepted?.routes === text &&
      accepted.version === health.tableVersion &&
      accepted.edgeStartedAtMs === health.startedAtMs
    )
      return;
    const version = health.tableVersion + 1;
    await deps.edge.putTable({ version, routes, trustedProxies: deps.trustedProxies });
    accepted = { routes: text, version, edgeStartedAtMs: health.startedAtMs };
  };

  const sendUntil = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      try {
        await send();
        up = true;
        problem = null;
        return;
      } catch (cause) {
        up = false;
        problem = publicMessageOf(cause);
        // A table that it does not understand it will not understand later either.
        const isFinal = cause instanceof AppError && cause.code === "invalid_input";
        if (isFinal) deps.log.error("the edge refuses the route table", { error: cause });
        if (signal.aborted || isFinal)
          throw new AppError("unavailable", "the edge does not take the new route table", { cause });
        await Bun.sleep(retryPauseMs);
      }
    }
  };

  return {
    publish: (signal) => {
      if (!deps.edgeOn) return Promise.resolve();
      const mine = tail.then(() => sendUntil(signal));
      tail = mine.catch(() => {});
      return mine;
    },
    lead: async (targets) => {
      if (!deps.edgeOn) return;
      const version = accepted?.version ?? 0;
      // The next table is sent whatever it says.
      if (accepted !== null) accepted = { ...accepted, routes: "" };
      await deps.edge.putTargets(version, targets);
    },
    edgeUp: () => up,
    problem: () => problem,
  };
};
