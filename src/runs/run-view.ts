import type { RunRecord, RunView } from "../domain/run.ts";

const iso = (atMs: number | null): string | null => (atMs === null ? null : new Date(atMs).toISOString());

/** @param output what it printed so far, where it is under way; secrets masked */
export const runView = (
  run: RunRecord,
  job: string | null,
  release: number | null,
  output: string | null = run.output,
): RunView => ({
  id: run.id,
  kind: run.kind,
  job,
  command: JSON.parse(run.command) as string[],
  status: run.status,
  askedBy: run.askedBy,
  inReplica: run.replicaId !== null,
  release: release === null ? null : String(release),
  dueAt: iso(run.dueAt),
  createdAt: iso(run.createdAt)!,
  startedAt: iso(run.startedAt),
  endedAt: iso(run.endedAt),
  durationMs: run.startedAt === null || run.endedAt === null ? null : run.endedAt - run.startedAt,
  exitCode: run.exitCode,
  oomKilled: run.oomKilled === 1,
  reason: run.reason,
  output,
});
