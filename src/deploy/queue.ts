import { rm } from "node:fs/promises";
import type { DeploymentRecord } from "../domain/records.ts";
import type { DeployDeps } from "./deps.ts";
import { type Interruption, runDeployment } from "./run-deployment.ts";
import { abandon, recoverDeployment } from "./recover.ts";
import { createSemaphore } from "./semaphore.ts";
import { sweepFolders } from "./sweep.ts";

export interface Queue {
  /**
   * Takes up what an earlier daemon left under way, then begins to claim: before, nothing is, so that what runs
   * here is never mistaken for it.
   */
  open(): Promise<void>;
  /** Looks for work; call after each enqueue. */
  kick(): void;
  /** Ends a pending or running deployment; false when it has switched or ended already. */
  cancel(deploymentId: string): Promise<boolean>;
  /** Interrupts what runs and waits for it: the next start takes it up again. */
  stop(): Promise<void>;
}

const settlePauseMs = 3000;

export const createQueue = (deps: DeployDeps): Queue => {
  const running = new Map<string, { abort: AbortController; done: Promise<void> }>();
  const buildSlots = createSemaphore(deps.settings.buildSlots);
  let opened = false;
  let stopped = false;
  let looking = false;
  let again = false;

  const start = (
    deployment: DeploymentRecord,
    run: (deployment: DeploymentRecord, signal: AbortSignal) => Promise<void>,
  ): void => {
    const abort = new AbortController();
    deps.notifier.notify(deployment.id);
    const done = run(deployment, abort.signal)
      .catch((error) => settle(deployment.id, error, abort.signal))
      .finally(() => {
        running.delete(deployment.id);
        kick();
      });
    running.set(deployment.id, { abort, done });
  };
  const claimed = (deployment: DeploymentRecord, signal: AbortSignal) =>
    runDeployment(deps, deployment, buildSlots, signal);
  const left = (deployment: DeploymentRecord, signal: AbortSignal) =>
    recoverDeployment(deps, deployment, signal);

  /** Something failed after the switch, or the database did: only forward is left, so it is tried until it works. */
  const settle = async (id: string, error: unknown, signal: AbortSignal): Promise<void> => {
    if (stopped) return;
    deps.log.error("deployment interrupted; it is taken up again", { deployment: id, error });
    while (!stopped) {
      await Bun.sleep(settlePauseMs);
      try {
        const deployment = await deps.store.deploymentById(id);
        if (deployment) await recoverDeployment(deps, deployment, signal);
        return;
      } catch (again) {
        deps.log.warn("deployment not settled yet", { deployment: id, error: again });
      }
    }
  };

  const look = async (): Promise<void> => {
    while (!stopped && deps.engineUp() && running.size < deps.settings.parallelDeployments) {
      const next = await deps.store.claimNext(deps.clock.nowMs(), deps.settings.parallelPerOwner);
      if (!next) return;
      start(next, claimed);
    }
  };

  // One look at a time; a kick during a look causes one more.
  const kick = (): void => {
    if (stopped || !opened) return;
    if (looking) {
      again = true;
      return;
    }
    looking = true;
    void look()
      .catch((error) => deps.log.error("queue could not be read", { error }))
      .finally(() => {
        looking = false;
        if (!again) return;
        again = false;
        kick();
      });
  };

  const interrupt = (deploymentId: string, why: Interruption): void =>
    running.get(deploymentId)?.abort.abort(why);

  return {
    open: async () => {
      if (opened) return;
      const open = await deps.store.openDeployments();
      await rm(deps.paths.workRoot, { recursive: true, force: true });
      await sweepFolders(deps);
      opened = true;
      for (const deployment of open) if (deployment.status !== "pending") start(deployment, left);
      kick();
    },
    kick,
    cancel: async (deploymentId) => {
      const patch = { completedAt: deps.clock.nowMs(), errorCode: "cancelled", errorMessage: "cancelled" };
      if (await deps.store.advance(deploymentId, "pending", "cancelled", patch)) {
        deps.notifier.notify(deploymentId);
        return true;
      }
      const deployment = await deps.store.deploymentById(deploymentId);
      if (!deployment || deployment.switchedAt !== null) return false;
      if (!opened) return abandon(deps, deployment, patch);
      const job = running.get(deploymentId);
      if (!job) return false;
      interrupt(deploymentId, "cancelled");
      await job.done;
      // One that was just being taken up after a restart is pending now.
      if (await deps.store.advance(deploymentId, "pending", "cancelled", patch)) return true;
      return (await deps.store.deploymentById(deploymentId))?.status === "cancelled";
    },
    stop: async () => {
      stopped = true;
      for (const id of running.keys()) interrupt(id, "shutdown");
      await Promise.all([...running.values()].map((job) => job.done));
    },
  };
};
