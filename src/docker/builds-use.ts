import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BuildsUse } from "../domain/engine.ts";
import { buildGroup } from "./build-cgroup.ts";
import { buildsSlice } from "./build-slice.ts";
import { type CgroupFolders, cgroupFolders, parseMounts } from "./cgroup-paths.ts";
import { readCgroup } from "./cgroup-readings.ts";
import { writtenBytesOf } from "./replica-writes.ts";

const controllers = ["memory", "cpu", "cpuacct", "pids", ""];

const foldersIn = (folder: string): string[] => {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? entry.name : [],
    );
  } catch {
    return [];
  }
};

/**
 * What all builds of this machine use together, by the groups of `createBuildCgroups`; their processors are counted for
 * as long as the group is there, the rest of those that run.
 * @returns null where they have none, or have had no build yet
 */
export const readBuildsUse = (byProcesses: boolean, fsRoot = "/"): BuildsUse | null => {
  let mounts: ReturnType<typeof parseMounts>;
  try {
    mounts = parseMounts(readFileSync(join(fsRoot, "proc/self/mountinfo"), "utf8"));
  } catch {
    return null;
  }
  const groupAt = (path: string): CgroupFolders | null =>
    cgroupFolders(mounts, new Map(controllers.map((controller) => [controller, path])));
  for (const group of [`/${buildGroup}`, `/${buildsSlice}.slice`]) {
    const use = useOf(group, groupAt, byProcesses, fsRoot);
    if (use) return use;
  }
  return null;
};

const useOf = (
  group: string,
  groupAt: (path: string) => CgroupFolders | null,
  byProcesses: boolean,
  fsRoot: string,
): BuildsUse | null => {
  const all = groupAt(group);
  const whole = all && readCgroup(all);
  if (all === null || whole === null) return null;
  const folder = all.version === 1 ? all.memory : all.folder;
  const use: BuildsUse = { cpuNanos: whole.cpuNanos, memoryBytes: 0, pids: null, writtenBytes: null };
  let writtenBytes = 0;
  for (const build of foldersIn(folder))
    for (const container of foldersIn(join(folder, build))) {
      const cgroup = groupAt(`${group}/${build}/${container}`);
      use.memoryBytes += (cgroup && readCgroup(cgroup)?.memoryBytes) ?? 0;
      if (byProcesses && cgroup) writtenBytes += writtenBytesOf(cgroup, fsRoot) ?? 0;
    }
  return { ...use, writtenBytes: byProcesses ? writtenBytes : null };
};
