import type { EventRecord } from "../domain/event.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { isCrashLoop } from "../domain/supervision.ts";
import { forgivenAfterMs } from "./back-off.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { replicaOf, tell } from "./tell.ts";

type Deps = Pick<SupervisorDeps, "store" | "clock">;
type Tells = "replica.exited" | "replica.crash_loop" | "replica.oom";
const tells: readonly Tells[] = ["replica.exited", "replica.crash_loop", "replica.oom"];

/** Several kills within this time are told of once. */
const oomFoldMs = 10 * 60_000;

const openOf = async (
  deps: Deps,
  kind: Tells,
  replicaId: string,
  survived = false,
): Promise<EventRecord | undefined> =>
  (await deps.store.openEvents(kind)).find(
    (event) => replicaOf(event) === replicaId && survivedOf(event) === survived,
  );

const survivedOf = (event: EventRecord): boolean =>
  (JSON.parse(event.details) as { survived?: boolean }).survived === true;

/**
 * Tells of a replica that ended: the first time of a row, and once more when it becomes a loop.
 * @param cause such as "the app ended by itself with exit code 1"
 */
export const tellExit = async (
  deps: Deps,
  environment: Pick<LiveEnvironment, "id">,
  replicaId: string,
  {
    cause,
    restarts,
    oom,
    exitCode,
  }: { cause: string; restarts: number; oom: boolean; exitCode: number | null },
): Promise<void> => {
  const common = {
    environmentId: environment.id,
    details: { replica: replicaId, exitCode, restarts },
    lasts: true,
  };
  if (isCrashLoop(restarts)) {
    if (await openOf(deps, "replica.crash_loop", replicaId)) return;
    await tell(deps, {
      ...common,
      kind: "replica.crash_loop",
      severity: "critical",
      message: `It ends again and again: ${cause}. It is started after pauses of up to 5 minutes until it stays up.`,
    });
    return;
  }
  const kind = oom ? "replica.oom" : "replica.exited";
  // Within a row, until it is forgiven, only another cause is news.
  if (restarts > 1 && (!oom || (await openOf(deps, kind, replicaId)))) return;
  await tell(deps, {
    ...common,
    kind,
    severity: "warning",
    message: `${cause[0]!.toUpperCase()}${cause.slice(1)}; it is started again.`,
  });
};

/** Tells of a kill for memory that the app survived. */
export const tellChildKilled = async (
  deps: Deps,
  environmentId: string,
  replicaId: string,
  limit: string,
): Promise<void> => {
  if (await openOf(deps, "replica.oom", replicaId, true)) return;
  await tell(deps, {
    kind: "replica.oom",
    severity: "warning",
    environmentId,
    message: `The kernel ended a process of the app: together they used more than the memory limit of ${limit}. The app itself goes on.`,
    details: { replica: replicaId, survived: true },
    lasts: true,
  });
};

/** Ends what is over: replicas that stay up, or are no more. */
export const settleExits = async (deps: Deps, rows: readonly ReplicaRecord[]): Promise<void> => {
  const nowMs = deps.clock.nowMs();
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const kind of tells)
    for (const event of await deps.store.openEvents(kind)) {
      const row = byId.get(replicaOf(event) ?? "");
      if (row && !isOver(kind, event, row, nowMs)) continue;
      await deps.store.endEvent(event.id, nowMs);
      if (!row || kind !== "replica.crash_loop") continue;
      await tell(deps, {
        kind: "replica.recovered",
        severity: "info",
        environmentId: event.environmentId,
        message: `It has stayed up for ${forgivenAfterMs / 60_000} minutes again.`,
        details: { replica: row.id },
      });
    }
};

const isOver = (kind: Tells, event: EventRecord, row: ReplicaRecord, nowMs: number): boolean => {
  if (row.state !== "running") return false;
  if (kind === "replica.exited") return true;
  if (kind === "replica.oom") return nowMs - event.at > oomFoldMs;
  return row.startedAt !== null && nowMs - row.startedAt > forgivenAfterMs;
};
