import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CgroupFolders } from "./cgroup-paths.ts";

/** `cpu.idle` of a cgroup, there from Linux 5.15 on, in v1 as well (cgroup-v2.rst); null where it has no CPU group. */
const idleFile = (cgroup: CgroupFolders): string | null => {
  const folder = cgroup.version === 1 ? cgroup.cpu : cgroup.folder;
  return folder === null ? null : join(folder, "cpu.idle");
};

/** Whether a cgroup runs only while no other wants the processor; its share says nothing then. */
export const yieldsProcessors = (cgroup: CgroupFolders): boolean => {
  const file = idleFile(cgroup);
  if (file === null) return false;
  try {
    return readFileSync(file, "utf8").startsWith("1");
  } catch {
    return false;
  }
};

/** @returns false where the kernel does not know it, or the group is gone */
const setIdle = (cgroup: CgroupFolders, idle: boolean): boolean => {
  const file = idleFile(cgroup);
  if (file === null) return false;
  try {
    writeFileSync(file, idle ? "1" : "0", { flag: "r+" });
    return true;
  } catch {
    return false;
  }
};

/**
 * Which containers let others go first. A share of the processor says who gets how much in the long run, but whoever
 * runs is let run for some milliseconds first; a group that is idle in the scheduler's sense is interrupted at once
 * by all others (sched(7), SCHED_IDLE). Only the kernel knows: engines have no word for it.
 */
export const createPrecedence = (known: () => ReadonlyMap<string, CgroupFolders>) => {
  const looked = new Set<string>();
  const yielding = new Set<string>();
  return {
    /** @returns those that yield no more: the kernel has forgotten their share */
    letOthersFirst(replicaIds: ReadonlySet<string>): string[] {
      const restored: string[] = [];
      for (const id of looked) if (!known().has(id)) looked.delete(id);
      for (const [id, cgroup] of known()) {
        // Once for each: an earlier daemon may have left it so.
        if (!looked.has(id) && yieldsProcessors(cgroup)) yielding.add(id);
        looked.add(id);
        if (replicaIds.has(id)) {
          if ((yielding.has(id) && yieldsProcessors(cgroup)) || setIdle(cgroup, true)) yielding.add(id);
        } else if (yielding.delete(id) && yieldsProcessors(cgroup) && setIdle(cgroup, false))
          restored.push(id);
      }
      return restored;
    },
    /** Before its limits are changed: the kernel takes no share for one that yields. */
    reset(replicaId: string): void {
      const cgroup = known().get(replicaId);
      if (cgroup && yieldsProcessors(cgroup)) setIdle(cgroup, false);
    },
  };
};
