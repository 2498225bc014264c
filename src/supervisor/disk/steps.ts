import { easedAt, nearFullAt } from "../../domain/disk.ts";
import type { EventRecord } from "../../domain/event.ts";
import { formatBytes } from "../../domain/size.ts";
import type { LiveEnvironment, SupervisorDeps } from "../deps.ts";
import { tell } from "../tell.ts";
import type { DiskUse, VolumeUse } from "./measure.ts";

type Deps = Pick<SupervisorDeps, "store" | "clock">;

/** Part of the size that is taken, as writes see it: what a file system keeps for itself cannot be written to. */
const shareOf = ({ usedBytes, freeBytes, sizeBytes }: VolumeUse): number => {
  if (freeBytes !== null) return usedBytes / Math.max(1, usedBytes + freeBytes);
  return sizeBytes === null ? 0 : usedBytes / sizeBytes;
};

/** What little is left of a full file system: its last blocks are its own. */
const fullAt = 0.995;

interface About {
  share: number;
  /** Null: of the whole site. */
  volume: VolumeUse | null;
  text: string;
}

/** Of whom an open event is; both null and undefined are the site's. */
const volumeOf = (event: EventRecord): string | null =>
  (JSON.parse(event.details) as { volume?: string }).volume ?? null;

/**
 * Tells people when a site, or one of its volumes, is nearly full or full, once each, and when that has ended. What
 * stops a site is told by who stops it.
 */
export const tellSteps = async (
  deps: Deps,
  environment: LiveEnvironment,
  use: DiskUse,
  open: readonly EventRecord[],
): Promise<void> => {
  const { id, diskBytes } = environment;
  const own = open.filter(({ environmentId }) => environmentId === id);
  const all: About[] = [
    {
      share: use.usedBytes / diskBytes,
      volume: null,
      text: `Its disk: ${formatBytes(use.usedBytes)} of ${formatBytes(diskBytes)} are used.`,
    },
    ...use.volumes.map((volume) => ({
      share: shareOf(volume),
      volume,
      text: `Volume ${volume.name}: ${formatBytes(volume.usedBytes)} of ${formatBytes(volume.sizeBytes ?? diskBytes)} are used.`,
    })),
  ];
  for (const { share, volume, text } of all) {
    const of = (kind: EventRecord["kind"]) =>
      own.find((event) => event.kind === kind && volumeOf(event) === (volume?.id ?? null));
    const details = volume === null ? { usedBytes: use.usedBytes, limitBytes: diskBytes } : detailsOf(volume);
    const near = of("disk.near_full");
    const full = of("disk.full");
    const isFull = volume?.kind === "loop" && share >= fullAt;
    if (share >= nearFullAt && !near)
      await tell(deps, {
        ...{ kind: "disk.near_full", severity: "warning", environmentId: id, details, lasts: true },
        message: `${text} Free some, or raise ${volume === null ? "the limit" : "its size"}.`,
      });
    if (isFull && !full)
      await tell(deps, {
        ...{ kind: "disk.full", severity: "critical", environmentId: id, details, lasts: true },
        message: `${text} The kernel refuses what is written beyond; the site runs on.`,
      });
    const nowMs = deps.clock.nowMs();
    if (near && share < easedAt) await deps.store.endEvent(near.id, nowMs);
    if (full && volume !== null && share < 1 - (1 - fullAt) * 4) await deps.store.endEvent(full.id, nowMs);
  }
  // Of volumes that are gone.
  const there = new Set<string | null>([null, ...use.volumes.map((volume) => volume.id)]);
  for (const event of own)
    if (!there.has(volumeOf(event))) await deps.store.endEvent(event.id, deps.clock.nowMs());
};

const detailsOf = ({ id, name, usedBytes, sizeBytes }: VolumeUse) => ({
  volume: id,
  name,
  usedBytes,
  sizeBytes,
});

/** Null while it is within its limits; otherwise what it is over, for people. */
export const overOf = (diskBytes: number, use: DiskUse): string | null => {
  if (use.usedBytes > diskBytes)
    return `it has ${formatBytes(use.usedBytes)} on the disk, and may have ${formatBytes(diskBytes)}`;
  const volume = use.volumes.find(
    ({ kind, usedBytes, sizeBytes }) => kind === "folder" && sizeBytes !== null && usedBytes > sizeBytes,
  );
  return volume === undefined
    ? null
    : `volume ${volume.name} holds ${formatBytes(volume.usedBytes)}, and may hold ${formatBytes(volume.sizeBytes!)}`;
};
