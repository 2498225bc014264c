import { systemActor } from "../../domain/actor.ts";
import { auditEntry } from "../../domain/audit.ts";
import { reserveBytes } from "../../domain/disk.ts";
import type { EventRecord } from "../../domain/event.ts";
import { formatBytes } from "../../domain/size.ts";
import type { LiveEnvironment, SupervisorDeps } from "../deps.ts";
import { tell } from "../tell.ts";
import { type DiskUse, oneOffsOf } from "./measure.ts";

/** Stops further apart than this are not of one series. */
const seriesMs = 6 * 3_600_000;
const firstPauseMs = 60_000;
const longestPauseMs = 3_600_000;
/** It starts again when it has at least so much of its limit free. */
const startsBelow = 0.95;

/** How long a site waits after so many stops in a row: one that fills its disk again and again must not spin. */
export const pauseAfterMs = (stops: number): number =>
  Math.min(longestPauseMs, firstPauseMs * 2 ** Math.max(0, stops - 1));

/**
 * Stops a site for what it wrote: its containers end at once, without their grace, since they may write as long as
 * they run. @returns false when somebody else has stopped it, or raised its limit
 * @param why what it is over, for people
 */
export const stopForDisk = async (
  deps: SupervisorDeps,
  environment: LiveEnvironment,
  { why, use, details = {} }: { why: string; use: DiskUse | null; details?: Record<string, unknown> },
): Promise<void> => {
  const { id, diskBytes } = environment;
  const beganMs = deps.clock.monotonicMs();
  const replicas = await deps.store.liveReplicasOf(id);
  // The row goes into the queue of writes first, so that what ends now is not started again.
  const noted = deps.store.updateEnvironment(id, { stoppedReason: "disk_full" });
  const ended = await Promise.allSettled([
    ...replicas.map((replica) => deps.engine.stopReplica(replica.id, 0)),
    ...(await oneOffsOf(deps, id)).map((run) => deps.engine.removeOneOff(run.id)),
  ]);
  const endMs = Math.round(deps.clock.monotonicMs() - beganMs);
  await noted;
  for (const end of ended)
    if (end.status === "rejected")
      deps.log.warn("a replica over its disk limit did not end yet", { error: end.reason });
  const nowMs = deps.clock.nowMs();
  deps.log.warn("site stopped for its disk", { site: environment.slug, why });
  const before = (await deps.store.diskKeepingOf([id])).get(id);
  const isSeries = before?.stoppedAt != null && nowMs - before.stoppedAt < seriesMs;
  const figures = { usedBytes: use?.usedBytes ?? null, limitBytes: diskBytes, endMs, ...details };
  await deps.store.transaction(async (queries) => {
    await queries.changeDiskKeeping(id, {
      stops: isSeries ? before.stops + 1 : 1,
      stoppedAt: nowMs,
      stoppedLimitBytes: diskBytes,
    });
    await queries.insertAudit(
      auditEntry(
        systemActor("disk guard"),
        "site.stop",
        { type: "site", id: environment.siteId },
        { after: { reason: "disk_full", ...figures } },
        nowMs,
      ),
    );
    await tell(
      { store: queries, clock: deps.clock },
      {
        ...{ kind: "disk.full", severity: "critical", environmentId: id, details: figures, lasts: true },
        message: `It was stopped: ${why}. It starts again when the limit is raised or space was freed.`,
      },
    );
  });
};

/** Ends the commands of a site that is stopped already, for what they write; their rows say that they are gone. */
export const endRunsForDisk = async (
  deps: SupervisorDeps,
  environment: LiveEnvironment,
  why: string,
): Promise<void> => {
  const runs = await oneOffsOf(deps, environment.id);
  if (runs.length === 0) return;
  deps.log.warn("commands of a stopped site ended for its disk", { site: environment.slug, why });
  await Promise.all(runs.map((run) => deps.engine.removeOneOff(run.id)));
};

/**
 * Starts a site again that was stopped for its disk and is within its limits now: at once when its limit was raised,
 * otherwise after a pause that grows with each stop.
 * @returns whether it was started
 */
export const startEased = async (
  deps: SupervisorDeps,
  environment: LiveEnvironment,
  use: DiskUse,
  open: readonly EventRecord[],
): Promise<boolean> => {
  const { id, diskBytes } = environment;
  if (use.usedBytes > diskBytes * startsBelow) return false;
  const nowMs = deps.clock.nowMs();
  const keeping = (await deps.store.diskKeepingOf([id])).get(id);
  const raised = keeping?.stoppedLimitBytes != null && diskBytes > keeping.stoppedLimitBytes;
  const waitsUntil = (keeping?.stoppedAt ?? 0) + pauseAfterMs(keeping?.stops ?? 1);
  if (!raised && nowMs < waitsUntil) return false;
  // What brought the whole server's disk to its end would do so again.
  if ((await deps.diskSpace()).some((space) => space.freeBytes < reserveBytes(space.totalBytes)))
    return false;
  const present = await deps.store.environmentById(id);
  if (present?.stoppedReason !== "disk_full") return false;
  await deps.store.transaction(async (queries) => {
    await queries.updateEnvironment(id, { stoppedReason: null });
    await tell(
      { store: queries, clock: deps.clock },
      {
        ...{ kind: "disk.eased", severity: "info", environmentId: id },
        message: `It starts again: ${formatBytes(use.usedBytes)} of ${formatBytes(diskBytes)} are used${raised ? ", since its limit was raised" : ""}.`,
        details: { usedBytes: use.usedBytes, limitBytes: diskBytes },
      },
    );
  });
  await endStopEvents(deps, id, open);
  deps.log.info("site starts again: its disk has room", { site: environment.slug });
  return true;
};

/** Events that tell of a stop have ended once the site runs, whoever started it. */
export const endStopEvents = async (
  deps: Pick<SupervisorDeps, "store" | "clock">,
  environmentId: string,
  open: readonly EventRecord[],
): Promise<void> => {
  for (const event of open)
    if (
      event.kind === "disk.full" &&
      event.environmentId === environmentId &&
      !(JSON.parse(event.details) as { volume?: string }).volume
    )
      await deps.store.endEvent(event.id, deps.clock.nowMs());
};
