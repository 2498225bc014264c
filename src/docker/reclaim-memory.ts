import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ReplicaState } from "../domain/engine.ts";
import { type CgroupFolders, cgroupOfProcess } from "./cgroup-paths.ts";

const bytesIn = async (path: string): Promise<number> => Number.parseInt(await readFile(path, "utf8"), 10);

/** Writing takes as long as reclaiming does, so never in place. */
const reclaim = async (
  cgroup: CgroupFolders,
): Promise<{ beforeBytes: number; afterBytes: number } | null> => {
  const [used, asked, text] =
    cgroup.version === 1
      ? // Linux Documentation/admin-guide/cgroup-v1/memory.rst, 4.2
        [join(cgroup.memory, "memory.usage_in_bytes"), join(cgroup.memory, "memory.force_empty"), "0"]
      : // cgroup-v2.rst, since Linux 5.19
        [join(cgroup.folder, "memory.current"), join(cgroup.folder, "memory.reclaim"), null];
  try {
    const beforeBytes = await bytesIn(used);
    // The kernel answers EAGAIN when it got less than it was asked for, which is all but certain.
    await writeFile(asked, text ?? String(beforeBytes), { flag: "r+" }).catch((error: unknown) => {
      if (!["EAGAIN", "EBUSY"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    });
    return { beforeBytes, afterBytes: await bytesIn(used) };
  } catch {
    // Ended meanwhile, or a kernel without the file.
    return null;
  }
};

/** See `Engine.reclaimMemory`. */
export const createReclaimMemory =
  (inspectReplica: (replicaId: string) => Promise<ReplicaState | null>, fsRoot = "/") =>
  async (replicaId: string): Promise<{ beforeBytes: number; afterBytes: number } | null> => {
    const pid = (await inspectReplica(replicaId))?.pid;
    const cgroup = pid ? cgroupOfProcess(pid, fsRoot) : null;
    return cgroup === null ? null : reclaim(cgroup);
  };
