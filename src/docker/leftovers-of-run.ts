import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** In the environment of each command run inside a replica, and so of all that it starts. */
export const runVariable = "CROFT_RUN";

interface Process {
  pid: number;
  parent: number;
}

/** `PPid` of `/proc/PID/status` (proc_pid_status(5)); a command's name in it cannot hold a line end. */
const parentOf = (pid: number): number =>
  Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);

/**
 * Processes that belong to a run inside a container: those that carry its variable and the descendants of its
 * first process. Only in the pid namespace of the container, so that nothing else on the host can be meant.
 * @param initPid host pid of any process of the container
 */
export const processesOfRun = (runId: string, initPid: number, firstPid: number | null): number[] => {
  let namespace: string;
  try {
    namespace = readlinkSync(`/proc/${initPid}/ns/pid`);
    // Its own would mean everything.
    if (namespace === readlinkSync("/proc/self/ns/pid")) return [];
  } catch {
    return []; // the container has ended, and all in it
  }
  const mark = `\0${runVariable}=${runId}\0`;
  const inside: Process[] = [];
  const found = new Set<number>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === initPid) continue;
    try {
      if (readlinkSync(`/proc/${pid}/ns/pid`) !== namespace) continue;
      inside.push({ pid, parent: parentOf(pid) });
      if (pid === firstPid || `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}`.includes(mark))
        found.add(pid);
    } catch {
      // It ended meanwhile.
    }
  }
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const { pid, parent } of inside) if (found.has(parent)) found.add(pid);
  }
  return [...found];
};

/** @returns how many were there to be told */
const signalAll = (pids: number[], signal: NodeJS.Signals): number => {
  for (const pid of pids)
    try {
      process.kill(pid, signal);
    } catch {
      // It ended meanwhile.
    }
  return pids.length;
};

/** Ends them: asked first, with a grace, then for sure. Resolves when none is left, or after the last of its tries. */
export const endProcessesOfRun = async (
  runId: string,
  initPid: number,
  firstPid: number | null,
  graceSeconds: number,
): Promise<boolean> => {
  const left = (): number[] => processesOfRun(runId, initPid, firstPid);
  const ask = left();
  // A shell at a terminal takes no notice of SIGTERM, but knows what it means that its terminal is gone.
  signalAll(ask, "SIGHUP");
  signalAll(ask, "SIGTERM");
  const endMs = performance.now() + graceSeconds * 1000;
  while (performance.now() < endMs && left().length > 0) await Bun.sleep(50);
  for (let attempt = 0; attempt < 50; attempt++) {
    if (signalAll(left(), "SIGKILL") === 0) return true;
    await Bun.sleep(20);
  }
  return false;
};
