import type { DeploymentLogRecord, DeploymentStepRecord } from "../domain/records.ts";
import type { RetentionDeps } from "./deps.ts";
import { inSteps } from "./in-steps.ts";

/** What is kept of an old deployment: the rows as they were. */
export interface ArchivedDeployment {
  steps: DeploymentStepRecord[];
  lines: DeploymentLogRecord[];
}

const linesAtOnce = 1000;
const open = new Set(["pending", "building", "deploying"]);

const readWhole = async (deps: RetentionDeps, deploymentId: string): Promise<ArchivedDeployment> => {
  const lines: DeploymentLogRecord[] = [];
  for (;;) {
    const more = await deps.store.logLinesAfter(deploymentId, lines.at(-1)?.seq ?? -1, linesAtOnce);
    lines.push(...more);
    if (more.length < linesAtOnce) break;
    await Bun.sleep(0);
  }
  return { steps: await deps.store.allStepsOf(deploymentId), lines };
};

/** The archive's row first, whole: from then on it is what counts, however far the deletion comes. */
const archive = async (deps: RetentionDeps, deploymentId: string, signal: AbortSignal): Promise<void> => {
  if (!(await deps.store.hasLogArchive(deploymentId))) {
    const whole = await readWhole(deps, deploymentId);
    await deps.store.insertLogArchive({
      deploymentId,
      lines: whole.lines.length,
      content: await Bun.zstdCompress(JSON.stringify(whole), { level: 9 }),
      archivedAt: deps.clock.nowMs(),
    });
  }
  const stepping = { clock: deps.clock, signal };
  await inSteps((limit) => deps.store.deleteLogLines(deploymentId, limit), stepping);
  if (!signal.aborted) await deps.store.deleteSteps(deploymentId);
};

/** Packs logs and steps of deployments that ended before this, oldest first. @returns how many */
export const archiveDeployments = async (
  deps: RetentionDeps,
  beforeMs: number,
  signal: AbortSignal,
): Promise<number> => {
  let count = 0;
  for (const next of [deps.store.nextLoggedDeployment, deps.store.nextSteppedDeployment])
    for (let id = await next(""); id !== null && !signal.aborted; id = await next(id)) {
      const deployment = await deps.store.deploymentById(id);
      // Ids grow with time: all that follow are younger.
      if (!deployment || deployment.createdAt >= beforeMs) break;
      if (open.has(deployment.status) || (deployment.completedAt ?? deployment.createdAt) >= beforeMs)
        continue;
      await archive(deps, id, signal);
      count++;
    }
  return count;
};

/** Null when the deployment's log is in its tables still. */
export const archivedDeployment = async (
  deps: Pick<RetentionDeps, "store">,
  deploymentId: string,
): Promise<ArchivedDeployment | null> => {
  const row = await deps.store.logArchiveOf(deploymentId);
  if (!row) return null;
  return JSON.parse((await Bun.zstdDecompress(row.content)).toString("utf8")) as ArchivedDeployment;
};
