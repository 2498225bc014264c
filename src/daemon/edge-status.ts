import type { EdgeHealth } from "../domain/edge.ts";
import { publicMessageOf } from "../errors.ts";

/** Whether the edge serves, for every page; from memory. */
export interface EdgeStatus {
  up: boolean;
  /** Why it cannot be started, as a sentence for operators; null when it runs, and while it just starts. */
  problem: string | null;
}

/** With what it says of itself; null when it does not answer. */
export interface EdgeDetails extends EdgeStatus {
  health: (Omit<EdgeHealth, "startedAtMs"> & { startedAt: string }) | null;
}

export const createEdgeStatus = (deps: { up(): boolean; health(): Promise<EdgeHealth> }) => {
  let problem: string | null = null;
  const status = (): EdgeStatus => ({ up: deps.up() && problem === null, problem });
  return {
    status,
    /** For the supervision of the edge: what keeps it from running, null once it runs. */
    trouble: (error: unknown): void => {
      problem = error === null ? null : publicMessageOf(error);
    },
    details: async (): Promise<EdgeDetails> => {
      const health = await deps.health().catch(() => null);
      if (health === null) return { ...status(), health };
      const { startedAtMs, ...rest } = health;
      return { ...status(), health: { ...rest, startedAt: new Date(startedAtMs).toISOString() } };
    },
  };
};
