import type { EventRecord } from "../../domain/event.ts";
import { MB } from "../../domain/size.ts";
import type { LiveEnvironment, SupervisorDeps } from "../deps.ts";
import { forEachSite } from "../for-each-site.ts";
import { type DiskUse, measureDisk } from "./measure.ts";
import { overOf, tellSteps } from "./steps.ts";
import { endRunsForDisk, endStopEvents, startEased, stopForDisk } from "./stop-for-disk.ts";

/** What a command takes that only clears up. */
const clearingUpBytes = 16 * MB;

/** An unchanged figure is written down anew this seldom: each write waits for the disk. */
const rewriteAfterMs = 5 * 60_000;

/**
 * Measures each environment's disk use and acts on it: warns, stops what is over its limit, and starts again what no
 * longer is.
 * @param isStill whose last figure still holds: nothing is counted there
 * @returns true when something was stopped or started
 */
export const keepDisk = async (
  deps: SupervisorDeps,
  onMeasured: (environment: LiveEnvironment, use: DiskUse) => void = () => {},
  isStill: (environment: LiveEnvironment) => boolean = () => false,
): Promise<boolean> => {
  const open = await openDiskEvents(deps);
  let changed = false;
  const moved = (await deps.store.liveEnvironments()).filter((environment) => !isStill(environment));
  await forEachSite(deps, moved, async (environment) => {
    const use = await measureDisk(deps, environment);
    if (use === null) {
      deps.log.warn("disk use of a site could not be measured; its last figure stands", {
        site: environment.slug,
      });
      return;
    }
    onMeasured(environment, use);
    if (await actOnDisk(deps, environment, use, open)) changed = true;
  });
  return changed;
};

export const openDiskEvents = async (deps: Pick<SupervisorDeps, "store">): Promise<EventRecord[]> => [
  ...(await deps.store.openEvents("disk.near_full")),
  ...(await deps.store.openEvents("disk.full")),
];

/** @returns true when the site was stopped or started */
export const actOnDisk = async (
  deps: SupervisorDeps,
  measured: LiveEnvironment,
  use: DiskUse,
  open: readonly EventRecord[],
  details: Record<string, unknown> = {},
): Promise<boolean> => {
  // Measuring can take a while: a limit that was raised meanwhile holds.
  const present = await deps.store.environmentById(measured.id);
  if (!present) return false;
  const environment: LiveEnvironment = { ...present, slug: measured.slug };
  const why = overOf(environment.diskBytes, use);
  const stops = why !== null && environment.stoppedReason === null;
  // What writes must end before anything else is done.
  if (stops) await stopForDisk(deps, environment, { why, use, details });
  else if (why !== null && writesOn(environment, use)) await endRunsForDisk(deps, environment, why);
  await record(deps, environment, use);
  if (stops) return true;
  await tellSteps(deps, environment, use, open);
  if (environment.stoppedReason === "disk_full")
    return why === null && (await startEased(deps, environment, use, open));
  if (environment.stoppedReason === null) await endStopEvents(deps, environment.id, open);
  return false;
};

/** Of what is stopped only commands can write; with one that is over its limit they may clear up, and take nothing more. */
const writesOn = (environment: LiveEnvironment, use: DiskUse): boolean =>
  use.ofRunsBytes > clearingUpBytes || use.usedBytes > (environment.diskUsedBytes ?? 0) + clearingUpBytes;

const record = async (deps: SupervisorDeps, environment: LiveEnvironment, use: DiskUse): Promise<void> => {
  const nowMs = deps.clock.nowMs();
  const { id, diskUsedBytes, diskMeasuredAt } = environment;
  if (use.usedBytes !== diskUsedBytes || nowMs - (diskMeasuredAt ?? 0) > rewriteAfterMs)
    await deps.store.updateEnvironment(id, { diskUsedBytes: use.usedBytes, diskMeasuredAt: nowMs });
  const storage = await deps.store.volumeStorageOf([id]);
  for (const volume of use.volumes) {
    const held = storage.get(volume.id);
    if (held && held.usedBytes !== volume.usedBytes)
      await deps.store.updateVolumeStorage(volume.id, { usedBytes: volume.usedBytes, measuredAt: nowMs });
  }
};
