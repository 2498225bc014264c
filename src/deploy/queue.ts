import type { DeploymentRecord } from "../domain/records.ts";
import type { DeployDeps } from "./deps.ts";
import { type Interruption, runDeployment } from "./run-deployment.ts";
import { recoverDeployment } from "./recover.ts";
import { createSemaphore } from "./semaphore.ts";

export interface Queue {
  /** Looks for work; call after each enqueue. */
  kick(): void;
  /** Ends a pending or running deployment; false when it has switched or ended already. */
  cancel(deploymentId: string): Promise<boolean>;
  /** Interrupts what runs (it goes back to pending) and waits for it. */
  stop(): Promise<void>;
}

const settlePauseMs = 3000;

export const createQueue = (deps: DeployDeps): Queue => {
  const running = new Map<string, { abort: AbortController; done: Promise<void> }>();
  const buildSlots = createSemaphore(deps.settings.buildSlots);
  let stopped = false;
  let looking = false;
  let again = false;

  const start = (deployment: DeploymentRecord): void => {
    const abort = new AbortController();
    deps.notifier.notify(deployment.id);
    const done = runDeployment(deps, deployment, buildSlots, abort.signal)
      .catch((error) => settle(deployment.id, error))
      .finally(() => {
        running.delete(deployment.id);
        kick();
      });
    running.set(deployment.id, { abort, done });
  };

  /** Something failed after the switch, or the database did: only forward is left, so it is tried until it works. */
  const settle = async (id: string, error: unknown): Promise<void> => {
    deps.log.error("deployment interrupted; it is taken up again", { deployment: id, error });
    while (!stopped) {
      await Bun.sleep(settlePauseMs);
      try {
        const deployment = await deps.store.deploymentById(id);
        if (deployment) await recoverDeployment(deps, deployment);
        return;
      } catch (again) {
        deps.log.warn("deployment not settled yet", { deployment: id, error: again });
      }
    }
  };

  const look = async (): Promise<void> => {
    while (!stopped && running.size < deps.settings.parallelDeployments) {
      const next = await deps.store.claimNext(deps.clock.nowMs());
      if (!next) return;
      start(next);
    }
  };

  // One look at a time; a kick during a look causes one more.
  const kick = (): void => {
    if (stopped) return;
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
    kick,
    cancel: async (deploymentId) => {
      const patch = { completedAt: deps.clock.nowMs(), errorCode: "cancelled", errorMessage: "cancelled" };
      if (await deps.store.advance(deploymentId, "pending", "cancelled", patch)) {
        deps.notifier.notify(deploymentId);
        return true;
      }
      const deployment = await deps.store.deploymentById(deploymentId);
      const job = running.get(deploymentId);
      if (!job || !deployment || deployment.switchedAt !== null) return false;
      interrupt(deploymentId, "cancelled");
      await job.done;
      return (await deps.store.deploymentById(deploymentId))?.status === "cancelled";
    },
    stop: async () => {
      stopped = true;
      for (const id of running.keys()) interrupt(id, "shutdown");
      await Promise.all([...running.values()].map((job) => job.done));
    },
  };
};
