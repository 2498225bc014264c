import type { DeploymentLogRecord, DeploymentStepRecord } from "../domain/records.ts";
import { type ArchivedDeployment, archivedDeployment } from "./archive.ts";
import type { RetentionDeps } from "./deps.ts";

interface Read {
  stepsOf(deploymentId: string, attempt: number): Promise<DeploymentStepRecord[]>;
  logAfter(deploymentId: string, afterSeq: number, limit: number): Promise<DeploymentLogRecord[]>;
  logTail(deploymentId: string, limit: number): Promise<DeploymentLogRecord[]>;
}

/** A store whose deployments' logs and steps are found wherever they are: in their tables, or packed. */
export const withArchives = <Store extends Read & RetentionDeps["store"]>(store: Store): Store => {
  // Who reads an old log reads it page by page.
  let last: { id: string; whole: ArchivedDeployment } | null = null;
  const archived = async (id: string): Promise<ArchivedDeployment | null> => {
    if (last?.id === id) return last.whole;
    if (!(await store.hasLogArchive(id))) return null;
    const whole = await archivedDeployment({ store }, id);
    if (whole) last = { id, whole };
    return whole;
  };
  return {
    ...store,
    stepsOf: async (id, attempt) =>
      (await archived(id))?.steps.filter((step) => step.attempt === attempt) ?? store.stepsOf(id, attempt),
    logAfter: async (id, afterSeq, limit) =>
      (await archived(id))?.lines.filter((line) => line.seq > afterSeq).slice(0, limit) ??
      store.logAfter(id, afterSeq, limit),
    logTail: async (id, limit) => (await archived(id))?.lines.slice(-limit) ?? store.logTail(id, limit),
  };
};
