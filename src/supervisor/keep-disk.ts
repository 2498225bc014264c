import { systemActor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { formatBytes } from "../domain/size.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { forEachSite } from "./for-each-site.ts";

/** An unchanged figure is written down anew this seldom: each write waits for the disk. */
const rewriteAfterMs = 5 * 60_000;

/**
 * Measures each environment's disk use: writable layers, logs and volumes, or the release folder of a static site.
 * One that is over its limit is stopped; raising the limit or freeing space lets it start again.
 * @returns true when something was stopped
 */
export const keepDisk = async (deps: SupervisorDeps): Promise<boolean> => {
  let stopped = false;
  await forEachSite(deps, await deps.store.liveEnvironments(), async (environment) => {
    const usedBytes = await measure(deps, environment);
    if (usedBytes === null) {
      deps.log.warn("disk use of a site could not be measured; its last figure stands", {
        site: environment.slug,
      });
      return;
    }
    const nowMs = deps.clock.nowMs();
    if (usedBytes !== environment.diskUsedBytes || nowMs - (environment.diskMeasuredAt ?? 0) > rewriteAfterMs)
      await deps.store.updateEnvironment(environment.id, { diskUsedBytes: usedBytes, diskMeasuredAt: nowMs });
    if (usedBytes <= environment.diskBytes || environment.stoppedReason !== null) return;
    // Measuring can take a while: a limit that was raised meanwhile holds.
    const present = await deps.store.environmentById(environment.id);
    if (!present || present.stoppedReason !== null || usedBytes <= present.diskBytes) return;
    stopped = true;
    const used = formatBytes(usedBytes);
    deps.log.warn("site stopped: over its disk limit", { site: environment.slug, used });
    await deps.store.updateEnvironment(environment.id, { stoppedReason: "disk_full" });
    await deps.store.insertAudit(
      auditEntry(
        systemActor("disk guard"),
        "site.stop",
        { type: "site", id: environment.siteId },
        { after: { reason: "disk_full", usedBytes, limitBytes: present.diskBytes } },
        nowMs,
      ),
    );
  });
  return stopped;
};

/** Null when a part of it took too long to count: what is left would look like little. */
const measure = async (deps: SupervisorDeps, environment: LiveEnvironment): Promise<number | null> => {
  const release = environment.currentReleaseId
    ? await deps.store.releaseById(environment.currentReleaseId)
    : undefined;
  let bytes = 0;
  for (const volume of await deps.store.volumesOf(environment.id)) {
    const used = await deps.folderBytes(deps.paths.volume(volume.id));
    if (used === null) return null;
    bytes += used;
  }
  if (release && release.imageId === null) return bytes + (release.sizeBytes ?? 0);
  for (const replica of await deps.store.liveReplicasOf(environment.id)) {
    const usage = await deps.engine.diskUsage(replica.id);
    if (usage) bytes += usage.writableBytes + usage.logBytes;
  }
  return bytes;
};
