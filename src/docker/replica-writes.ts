import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { CgroupFolders } from "./cgroup-paths.ts";
import { fieldOf } from "./cgroup-readings.ts";

/** What a cgroup of so many processes writes is not worth the time to add up. */
const maxProcesses = 4096;

const textOf = (path: string): string | null => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
};

/**
 * Bytes that the processes of a container had written so far, to whatever disk. On cgroup v1 what is written by way
 * of the page cache is nobody's there, so it is added up from /proc/PID/io (proc_pid_io(5)): what a process wrote that
 * ended is its parent's, so the sum hardly ever falls. On v2 `io.stat` knows, but only once it is written back: both
 * are looked at, and the greater counts.
 * @returns null where neither can be read
 */
export const writtenBytesOf = (cgroup: CgroupFolders, fsRoot = "/"): number | null => {
  const folder = cgroup.version === 1 ? cgroup.memory : cgroup.folder;
  const procs = textOf(join(folder, "cgroup.procs"));
  if (procs === null) return null;
  let written = 0;
  for (const pid of procs.split("\n").slice(0, maxProcesses)) {
    if (pid === "") continue;
    const io = textOf(join(fsRoot, "proc", pid, "io"));
    written += (io && fieldOf(io.replaceAll(":", ""), "write_bytes")) || 0;
  }
  if (cgroup.version === 1) return written;
  let behind = 0;
  for (const [, bytes] of (textOf(join(folder, "io.stat")) ?? "").matchAll(/ wbytes=(\d+)/g))
    behind += Number(bytes);
  return Math.max(written, behind);
};

/** Places of the log that json-file and local keep below `containers/ID` of Docker's folder. */
const logFiles = (folder: string, containerId: string): string[] => [
  join(folder, "containers", containerId, `${containerId}-json.log`),
  join(folder, "containers", containerId, "local-logs", "container.log"),
];

/** Of each log file; a full one is put away, and another one begun. */
const fullFileBytes = 10_000_000;

/**
 * Counts what containers have logged by the file that is written now: another one, or a shorter one, means that the
 * one before was full and put away. What came and went in between is missed, so it is a lower bound.
 */
export const createLoggedBytes = () => {
  const seen = new Map<string, { inode: number; size: number; total: number }>();
  return {
    /** @returns null where there is no such file */
    of(replicaId: string, folder: string, containerId: string): number | null {
      for (const path of logFiles(folder, containerId)) {
        const facts = statSync(path, { throwIfNoEntry: false });
        if (facts === undefined) continue;
        const { ino: inode, size } = facts;
        const before = seen.get(replicaId) ?? { inode, size, total: size };
        const isSame = before.inode === inode && size >= before.size;
        const more = isSame ? size - before.size : Math.max(0, fullFileBytes - before.size) + size;
        seen.set(replicaId, { inode, size, total: before.total + more });
        return before.total + more;
      }
      return null;
    },
    /** Forgets all but these. */
    keep(replicaIds: ReadonlySet<string>): void {
      for (const id of seen.keys()) if (!replicaIds.has(id)) seen.delete(id);
    },
  };
};
