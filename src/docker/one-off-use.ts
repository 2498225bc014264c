import type { OneOffUse } from "../domain/command-process.ts";
import { type CgroupFolders, cgroupOfProcess } from "./cgroup-paths.ts";
import { readCgroup } from "./cgroup-readings.ts";
import { createLoggedBytes, writtenBytesOf } from "./replica-writes.ts";

/** What each one-off uses, whatever driver the engine has for its groups: who is held to account is told by it. */
export const createOneOffUse = () => {
  const known = new Map<string, { cgroup: CgroupFolders; containerId: string }>();
  const logged = createLoggedBytes();
  return {
    /** To be told of every one that runs. @param pid 0 when it has ended already */
    notice(runId: string, containerId: string, pid: number): void {
      const cgroup = pid > 0 ? cgroupOfProcess(pid) : null;
      if (cgroup) known.set(runId, { cgroup, containerId });
    },
    forget: (runId: string): void => void known.delete(runId),
    /** @param folder Docker's own on this host; null where it is another machine's */
    read(folder: string | null, byProcesses: boolean): OneOffUse[] {
      logged.keep(new Set(known.keys()));
      return [...known].flatMap(([runId, { cgroup, containerId }]): OneOffUse[] => {
        const reading = readCgroup(cgroup);
        if (reading === null) {
          known.delete(runId);
          return [];
        }
        const { cpuNanos, memoryBytes, pids } = reading;
        const writtenBytes = byProcesses ? writtenBytesOf(cgroup) : null;
        const loggedBytes = folder === null ? null : logged.of(runId, folder, containerId);
        return [{ runId, cpuNanos, memoryBytes, pids, writtenBytes, loggedBytes }];
      });
    },
  };
};

export type OneOffUseMeter = ReturnType<typeof createOneOffUse>;
