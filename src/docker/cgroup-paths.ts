import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The folders of one container's cgroup: one per controller in v1, one for all in v2. */
export type CgroupFolders =
  | { version: 1; memory: string; cpu: string | null; cpuacct: string | null; pids: string | null }
  | { version: 2; folder: string };

export interface CgroupMount {
  /** `cgroup` per controller set (v1), `cgroup2` unified. */
  type: "cgroup" | "cgroup2";
  /** Part of the hierarchy that is mounted; not `/` where Croft itself runs in a cgroup namespace. */
  root: string;
  folder: string;
  controllers: string[];
}

/** Cgroup mounts of `/proc/self/mountinfo` (proc_pid_mountinfo(5): fields 4 root, 5 mount point, after `-` type, source, options). */
export const parseMounts = (mountinfo: string): CgroupMount[] => {
  const mounts: CgroupMount[] = [];
  for (const line of mountinfo.split("\n")) {
    const [before, after] = line.split(" - ");
    if (!before || !after) continue;
    const [type, , options = ""] = after.split(" ");
    if (type !== "cgroup" && type !== "cgroup2") continue;
    const [, , , root = "/", folder = ""] = before.split(" ");
    mounts.push({ type, root, folder, controllers: type === "cgroup" ? options.split(",") : [] });
  }
  return mounts;
};

/** `/proc/PID/cgroup` (cgroups(7)): path by controller; the unified hierarchy's under "". */
export const parseProcCgroup = (text: string): Map<string, string> => {
  const paths = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    if (match) for (const controller of match[1]!.split(",")) paths.set(controller, match[2]!);
  }
  return paths;
};

const within = (mount: CgroupMount, path: string): string =>
  join(
    mount.folder,
    mount.root !== "/" && (path === mount.root || path.startsWith(`${mount.root}/`))
      ? path.slice(mount.root.length)
      : path,
  );

/**
 * Where a process's limits and counters are. A hybrid system (v1 controllers and an empty unified hierarchy)
 * counts as v1, decided by where the memory controller is.
 * @returns null when neither hierarchy holds the memory controller
 */
export const cgroupFolders = (mounts: CgroupMount[], paths: Map<string, string>): CgroupFolders | null => {
  const v1 = (controller: string): string | null => {
    const mount = mounts.find((each) => each.type === "cgroup" && each.controllers.includes(controller));
    const path = paths.get(controller);
    return mount && path !== undefined ? within(mount, path) : null;
  };
  const memory = v1("memory");
  if (memory !== null)
    return { version: 1, memory, cpu: v1("cpu"), cpuacct: v1("cpuacct"), pids: v1("pids") };
  const unified = mounts.find((each) => each.type === "cgroup2");
  const path = paths.get("");
  return unified && path !== undefined ? { version: 2, folder: within(unified, path) } : null;
};

/**
 * The cgroup of a running process; null when it has ended.
 * @param fsRoot `/`; tests give a folder that holds a `proc` and what its mountinfo names
 */
export const cgroupOfProcess = (pid: number, fsRoot = "/"): CgroupFolders | null => {
  try {
    const mounts = parseMounts(readFileSync(join(fsRoot, "proc/self/mountinfo"), "utf8")).map((mount) => ({
      ...mount,
      folder: join(fsRoot, mount.folder),
    }));
    return cgroupFolders(mounts, parseProcCgroup(readFileSync(join(fsRoot, `proc/${pid}/cgroup`), "utf8")));
  } catch {
    return null; // ended meanwhile
  }
};
