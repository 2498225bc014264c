import type { GuardActRecord, HostFigures } from "../domain/guard.ts";
import { formatBytes, GB } from "../domain/size.ts";

export interface BuildNeed {
  /** A build may take so much. */
  memoryBytes: number;
}

export interface BuildObstacle {
  /** As part of a sentence. */
  text: string;
  /** A build would be a danger; otherwise it would only make all slower. */
  isHard: boolean;
}

/** The builder itself ends a build below this (docker/disk-guard.ts); it should not begin just above. */
const diskReserveBytes = 2.25 * GB;

/** Why a build may not begin now; null when it may. */
export const buildObstacle = (
  need: BuildNeed,
  figures: HostFigures | null,
  acts: readonly GuardActRecord[],
): BuildObstacle | null => {
  const held = acts.find(({ kind }) => kind === "builds");
  if (held) {
    const text = held.reason.replace(/^Builds wait: /, "").replace(/\.$/, "");
    return { text, isHard: held.pressure === "disk" || held.pressure === "memory" };
  }
  if (figures === null) return null;
  const { memory, disk } = figures;
  if (disk !== null && disk.freeBytes < diskReserveBytes)
    return {
      text: `the server has ${formatBytes(disk.freeBytes)} of free disk space left, and a build needs ${formatBytes(diskReserveBytes)}`,
      isHard: true,
    };
  if (memory === null) return null;
  const free = memory.availableBytes + memory.swapFreeBytes;
  if (free >= need.memoryBytes) return null;
  return {
    text: `the server has ${formatBytes(free)} of memory free, and a build may take ${formatBytes(need.memoryBytes)}`,
    isHard: true,
  };
};
