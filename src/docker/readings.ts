import type { ReplicaReading, ReplicaState, ReplicaWrites } from "../domain/engine.ts";
import type { AppliedLimits } from "../domain/limits.ts";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import { type CgroupFolders, cgroupOfProcess } from "./cgroup-paths.ts";
import { readCgroup, readCgroupLimits } from "./cgroup-readings.ts";
import { createPrecedence } from "./precedence.ts";
import { type KeptFiles, keepFiles } from "./kept-files.ts";
import { createLoggedBytes, writtenBytesOf } from "./replica-writes.ts";

/** More than any of the files that are read has. */
const kernelFileBytes = 16_384;
/** Replicas that another process started are found this late at most. */
const listEveryMs = 60_000;

interface Deps {
  runningReplicaIds(): Promise<string[]>;
  inspectReplica(replicaId: string): Promise<ReplicaState | null>;
  log: Log;
  clock: Clock;
  fsRoot?: string;
}

/**
 * Readings of all replicas without asking Docker about each: a container's cgroup keeps its path as long as it
 * runs, so it is looked up once, when the replica starts or is first listed, and goes when its files are gone.
 */
export const createReadings = ({ runningReplicaIds, inspectReplica, log, clock, fsRoot }: Deps) => {
  const known = new Map<string, CgroupFolders>();
  const containerIds = new Map<string, string>();
  const logged = createLoggedBytes();
  const kept = new Map<string, KeptFiles>();
  const buffer = Buffer.allocUnsafe(kernelFileBytes);
  let listedAtMs: number | null = null;

  const notice = (state: ReplicaState): CgroupFolders | null => {
    const cgroup = state.pid === null ? null : cgroupOfProcess(state.pid, fsRoot);
    containerIds.set(state.replicaId, state.containerId);
    if (cgroup) known.set(state.replicaId, cgroup);
    else known.delete(state.replicaId);
    return cgroup;
  };

  const list = async (): Promise<void> => {
    try {
      for (const replicaId of await runningReplicaIds()) {
        const state = known.has(replicaId) ? null : await inspectReplica(replicaId);
        if (state) notice(state);
      }
      listedAtMs = clock.monotonicMs();
    } catch (error) {
      if (listedAtMs === null) throw error;
      // containers run on while their engine is away, and so do their counters
      log.warn("replicas could not be listed; reading those known before", { error });
    }
  };

  const precedence = createPrecedence(() => known);

  return {
    ...precedence,
    /** To be told of every start, so that its readings begin at once. */
    notice,

    async readings(): Promise<ReplicaReading[]> {
      if (listedAtMs === null || clock.monotonicMs() - listedAtMs > listEveryMs) await list();
      const readings: ReplicaReading[] = [];
      for (const [replicaId, files] of kept)
        if (!known.has(replicaId)) {
          files.close();
          kept.delete(replicaId);
        }
      for (const [replicaId, cgroup] of known) {
        const files = kept.get(replicaId) ?? keepFiles(buffer);
        kept.set(replicaId, files);
        const reading = readCgroup(cgroup, files.read);
        if (reading) readings.push({ replicaId, ...reading });
        else known.delete(replicaId);
      }
      return readings;
    },

    /** @param folder Docker's own on this host; null where it is another machine's */
    async writes(folder: string | null, byProcesses: boolean): Promise<ReplicaWrites[]> {
      for (const id of containerIds.keys()) if (!known.has(id)) containerIds.delete(id);
      logged.keep(new Set(known.keys()));
      return [...known].map(([replicaId, cgroup]) => {
        const containerId = containerIds.get(replicaId);
        return {
          replicaId,
          writtenBytes: byProcesses ? writtenBytesOf(cgroup, fsRoot) : null,
          loggedBytes: folder && containerId ? logged.of(replicaId, folder, containerId) : null,
        };
      });
    },

    async appliedLimits(replicaId: string): Promise<AppliedLimits | null> {
      const before = known.get(replicaId);
      let limits = before === undefined ? null : readCgroupLimits(before);
      if (limits === null) {
        const state = await inspectReplica(replicaId);
        const cgroup = state && notice(state);
        limits = cgroup && readCgroupLimits(cgroup);
      }
      return limits && { ...limits, readAtMs: clock.nowMs() };
    },
  };
};
