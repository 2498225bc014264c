// How sites are kept running: rows of the tables of migration 0015, and what is said of them.

/** How important a site is when all have to come back: the highest first. */
export const defaultRestorePriority = 50;

/** A row of `restore_priorities`; sites without one have the default. */
export interface RestorePriorityRecord {
  siteId: string;
  priority: number;
}

/** A row of `cpu_bursts`: the environment may use idle CPU beyond its limit. */
export interface CpuBurstRecord {
  environmentId: string;
  since: number;
}

/** A row of `replica_exits`: how a replica ended last. */
export interface ReplicaExitRecord {
  replicaId: string;
  at: number;
  exitCode: number | null;
  oomKilled: number;
  /** What it printed last, without secrets: JSON array of lines. */
  lastLines: string;
}

/** With their pauses of 1, 2 and 4 s; who ends more often in a row ends for a reason that a restart does not mend. */
const restartsBeforeLoop = 3;

/** Whether a replica ends again and again, by how often it was started again in a row. */
export const isCrashLoop = (restarts: number): boolean => restarts > restartsBeforeLoop;
