import { systemActor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { isOpen, type RunRecord } from "../domain/run.ts";
import type { RunsDeps } from "./deps.ts";
import type { JobRunner } from "./job-runner.ts";

/**
 * Puts in order what an earlier daemon left: jobs that still run, or ended meanwhile, are taken up; what a person had
 * open is ended, since nobody sees it any more. Once, when the engine first answers and before anything is started.
 */
export const recoverRuns = async (deps: RunsDeps, runner: JobRunner): Promise<void> => {
  for (const run of await deps.store.openRuns())
    try {
      if (run.status === "running") await (run.kind === "job" ? runner.adopt(run) : endLost(deps, run));
    } catch (error) {
      deps.log.error("a run of before could not be put in order", { run: run.id, error });
    }
};

const endLost = async (deps: RunsDeps, run: RunRecord): Promise<void> => {
  if (run.replicaId !== null) await deps.engine.endInReplica(run.replicaId, run.id);
  else await deps.engine.removeOneOff(run.id);
  const environment = await deps.store.environmentById(run.environmentId);
  const nowMs = deps.clock.nowMs();
  const reason = "Croft itself ended while it was open";
  await deps.store.transaction(async (queries) => {
    if (!(await queries.moveRun(run.id, "running", { status: "lost", reason, endedAt: nowMs }))) return;
    const object = { type: "site", id: environment?.siteId ?? run.environmentId };
    const after = { run: run.id, status: "lost", reason };
    await queries.insertAudit(auditEntry(systemActor("runs"), `${run.kind}.end`, object, { after }, nowMs));
  });
};

/** Removes containers of runs that have ended. Those that no row of ours knows belong to another installation. */
export const sweepOneOffs = async (deps: RunsDeps): Promise<void> => {
  const ids = await deps.engine.listOneOffs();
  if (ids.length === 0) return;
  for (const run of await deps.store.runsByIds(ids)) {
    if (isOpen(run.status)) continue;
    deps.log.info("removing the left-over container of a run", { run: run.id });
    await deps.engine.removeOneOff(run.id);
  }
};
