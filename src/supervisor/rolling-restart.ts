import type { ReplicaRecord } from "../domain/records.ts";
import type { SupervisorDeps } from "./deps.ts";
import type { ReconcileState } from "./reconcile.ts";

/**
 * Takes the next replica of a restart that was asked for out of service, once all others of its process run; the
 * missing one is launched anew by the next pass. So all but one serve at any time.
 * @param askedAtMs replicas made before are to go
 * @param replicas of one process, as many as there should be
 */
export const restartNext = (
  { retire }: Pick<ReconcileState, "retire">,
  askedAtMs: number,
  replicas: readonly ReplicaRecord[],
): void => {
  const old = replicas.filter(({ createdAt }) => createdAt <= askedAtMs);
  const next = old.find(({ state }) => state !== "running") ?? old[0];
  if (!next) return;
  // What is down serves nobody: it need not wait for the others.
  const mayGo =
    next.state !== "running" || replicas.every(({ id, state }) => id === next.id || state === "running");
  if (mayGo) retire([next], true);
};

/** Forgets restarts that are through. */
export const endRollingRestarts = async (
  { store }: Pick<SupervisorDeps, "store">,
  live: readonly ReplicaRecord[],
): Promise<void> => {
  for (const restart of await store.rollingRestarts()) {
    const left = live.some(
      (row) => row.environmentId === restart.environmentId && row.createdAt <= restart.askedAt,
    );
    if (!left) await store.endRollingRestart(restart);
  }
};
