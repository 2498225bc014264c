import { AppError } from "../../errors.ts";
import type { DeployDeps } from "../deps.ts";
import type { Job } from "../job.ts";

const lookEveryMs = 1000;

/**
 * Waits until the host has room for a build, and says in the log what for. Where a build would be no danger it
 * begins after a while all the same.
 * @throws AppError `deploy_failed` at the deadline, and the signal's reason
 */
export const waitForRoom = async (deps: DeployDeps, { journal, signal }: Job): Promise<void> => {
  const { buildLimits, buildWaitMs } = deps.settings;
  const startedMs = deps.clock.monotonicMs();
  /** Told anew only when it is another reason, not another figure in it. */
  let told: string | null = null;
  for (;;) {
    signal.throwIfAborted();
    const obstacle = deps.buildObstacle(buildLimits);
    const waitedMs = deps.clock.monotonicMs() - startedMs;
    if (obstacle === null) {
      if (told !== null) journal.write("build", "the build begins");
      return;
    }
    const kind = obstacle.text.replaceAll(/[\d.]+ \S+/g, "");
    if (kind !== told) journal.write("build", `the build waits: ${obstacle.text}`, "warning");
    told = kind;
    if (!obstacle.isHard && waitedMs > buildWaitMs.soft) {
      journal.write("build", "the build begins all the same; it may take longer");
      return;
    }
    if (waitedMs > buildWaitMs.hard)
      throw new AppError(
        "deploy_failed",
        `the build could not begin within ${Math.round(buildWaitMs.hard / 60_000)} minutes: ${obstacle.text}`,
      );
    await Bun.sleep(lookEveryMs);
  }
};
