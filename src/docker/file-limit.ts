import { readFileSync } from "node:fs";
import type { ReplicaState } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import { cgroupOfProcess } from "./cgroup-paths.ts";
import { runCommand } from "./run-command.ts";

const deadlineMs = 10_000;
/** Children have it of their parents: what starts while these are gone through is nearly always one of them. */
const mostProcesses = 512;

/**
 * Changes how long files of a running replica may get (RLIMIT_FSIZE), which no engine does for a container that runs.
 * @returns false where the kernel does not let this process do it: a restart of the site does
 */
export const createSetLongestFile =
  ({ inspectReplica, log }: { inspectReplica(id: string): Promise<ReplicaState | null>; log: Log }) =>
  async (replicaId: string, bytes: number): Promise<boolean> => {
    const state = await inspectReplica(replicaId);
    const cgroup = state?.pid ? cgroupOfProcess(state.pid) : null;
    if (cgroup === null) return true;
    const folder = cgroup.version === 1 ? cgroup.memory : cgroup.folder;
    const pids = readFileSync(`${folder}/cgroup.procs`, "latin1").split("\n").filter(Boolean);
    let all = true;
    for (const pid of pids.slice(0, mostProcesses)) {
      const result = await runCommand(["prlimit", `--fsize=${bytes}:${bytes}`, "--pid", pid], { deadlineMs });
      // A process that has ended meanwhile needs none.
      if (result?.exitCode === 0 || /No such process/.test(result?.stderr ?? "")) continue;
      all = false;
      log.debug("the longest file of a process could not be changed", {
        replicaId,
        pid,
        why: result?.stderr,
      });
    }
    return all;
  };
