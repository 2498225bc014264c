import { existsSync } from "node:fs";
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { oneOffMeter } from "../domain/command-process.ts";
import type { ContainerLimits, ReplicaReading } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import { type CgroupFolders, cgroupFolders, parseMounts } from "./cgroup-paths.ts";
import { readCgroup } from "./cgroup-readings.ts";
import { endSlice, hasSystemd, setSlice, startSlice } from "./systemd-slices.ts";

const parentGroup = "croft-one-off";
const cpuPeriodMicros = 100_000;
/** Where Docker leaves groups to systemd: slices, whose names have a level for each dash (systemd.slice(5)). */
const parentSlice = "croft_one_off";
const sliceOf = (group: string): string => `${parentSlice}-${group}.slice`;
/** A group that nobody uses stays for the next look at its counters, and for who comes back soon. */
const keptMs = 5 * 60_000;

/** A file below a group and what it is to hold; `optional` where not every kernel has it. */
interface Setting {
  controller: "memory" | "cpu" | "pids";
  file: string;
  value: string;
  optional?: boolean;
}

const settingsV1 = ({ memoryBytes, cpuMillicores, pids }: ContainerLimits): Setting[] => [
  { controller: "memory", file: "memory.limit_in_bytes", value: String(memoryBytes) },
  { controller: "memory", file: "memory.memsw.limit_in_bytes", value: String(memoryBytes), optional: true },
  // Once more: it cannot be raised past what memory and swap together were before.
  { controller: "memory", file: "memory.limit_in_bytes", value: String(memoryBytes) },
  { controller: "cpu", file: "cpu.cfs_period_us", value: String(cpuPeriodMicros) },
  { controller: "cpu", file: "cpu.cfs_quota_us", value: String((cpuMillicores * cpuPeriodMicros) / 1000) },
  { controller: "pids", file: "pids.max", value: String(pids) },
];

const settingsV2 = ({ memoryBytes, cpuMillicores, pids }: ContainerLimits): Setting[] => [
  { controller: "memory", file: "memory.max", value: String(memoryBytes) },
  { controller: "memory", file: "memory.swap.max", value: "0", optional: true },
  {
    controller: "cpu",
    file: "cpu.max",
    value: `${(cpuMillicores * cpuPeriodMicros) / 1000} ${cpuPeriodMicros}`,
  },
  { controller: "pids", file: "pids.max", value: String(pids) },
];

/**
 * A group of the kernel that one-offs of one environment share, held to what one replica may use: however many are
 * open, together they get no more. A slice where Docker leaves groups to systemd; only on this machine (elsewhere each has
 * limits of its own, and their number is bounded).
 */
export const createOneOffCgroups = (
  log: Log,
  driver: () => Promise<string | null>,
  removeAfterMs = keptMs,
) => {
  let known: Promise<string | null> | null = null;
  const users = new Map<string, Set<string>>();
  /** Groups that are slices. */
  const slices = new Set<string>();
  /** Slices that are being taken away: who comes back waits for that. */
  const ending = new Map<string, Promise<void>>();
  const meters = new Map<string, { folders: CgroupFolders; lastTold: boolean }>();

  const mounts = async () => parseMounts(await readFile("/proc/self/mountinfo", "utf8"));

  const make = async (group: string, limits: ContainerLimits): Promise<void> => {
    const all = await mounts();
    const isV1 = all.some(({ type, controllers }) => type === "cgroup" && controllers.includes("memory"));
    for (const { controller, file, value, optional } of (isV1 ? settingsV1 : settingsV2)(limits)) {
      const mount = all.find(({ type, controllers }) =>
        isV1 ? type === "cgroup" && controllers.includes(controller) : type === "cgroup2",
      );
      if (!mount) continue;
      const folder = join(mount.folder, parentGroup, group);
      await mkdir(folder, { recursive: true });
      if (!isV1)
        for (const level of [mount.folder, join(mount.folder, parentGroup)])
          await writeFile(join(level, "cgroup.subtree_control"), "+pids +memory +cpu");
      if (optional && !existsSync(join(folder, file))) continue;
      // Refused while what runs there uses more, or may: that ends, and the next one writes it again.
      await writeFile(join(folder, file), value).catch((error) =>
        log.debug("a group of one-offs keeps its limit for now", { group, file, error }),
      );
    }
  };

  const makeSlice = async (group: string, limits: ContainerLimits): Promise<void> => {
    await ending.get(group);
    await setSlice(sliceOf(group), [
      `MemoryMax=${limits.memoryBytes}`,
      "MemorySwapMax=0",
      `CPUQuota=${limits.cpuMillicores / 10}%`,
      `TasksMax=${limits.pids}`,
    ]);
    await startSlice(sliceOf(group));
    slices.add(group);
  };

  const follow = async (group: string): Promise<void> => {
    const path = slices.has(group) ? `/${parentSlice}.slice/${sliceOf(group)}` : `/${parentGroup}/${group}`;
    const paths = new Map(["memory", "cpu", "cpuacct", "pids", ""].map((controller) => [controller, path]));
    const folders = cgroupFolders(await mounts(), paths);
    if (folders) meters.set(group, { folders, lastTold: false });
  };

  const takeIn = (group: string, runId: string): void =>
    void users.set(group, (users.get(group) ?? new Set<string>()).add(runId));

  const remove = async (group: string): Promise<void> => {
    if (users.has(group)) return;
    meters.delete(group);
    if (slices.delete(group)) {
      const ended = endSlice(sliceOf(group))
        .catch((error) => log.debug("a slice of one-offs stays behind", { group, error }))
        .finally(() => ending.delete(group));
      ending.set(group, ended);
      return ended;
    }
    for (const { folder } of await mounts())
      // Somebody came in meanwhile, or it is not empty yet: the next one that leaves tries again.
      if (!users.has(group)) await rmdir(join(folder, parentGroup, group)).catch(() => {});
  };

  return {
    /** @returns Docker's `CgroupParent`; null where there is none of our own */
    async enter(group: string, runId: string, limits: ContainerLimits): Promise<string | null> {
      takeIn(group, runId);
      try {
        const cgroupDriver = await (known ??= driver());
        if (cgroupDriver === "systemd" && hasSystemd()) {
          await makeSlice(group, limits);
          await follow(group);
          return sliceOf(group);
        }
        if (cgroupDriver !== "cgroupfs") return null;
        await make(group, limits);
        await follow(group);
        return `/${parentGroup}/${group}`;
      } catch (error) {
        known = null;
        log.warn("one-offs of a site share no limit; each has its own", { group, error });
        return null;
      }
    },

    /** One that an earlier daemon let in. @param parent as its container has it */
    async adopt(parent: string | undefined, runId: string): Promise<void> {
      const slice = /^croft_one_off-(\w+)\.slice$/.exec(parent ?? "")?.[1];
      const group =
        slice ?? (parent?.startsWith(`/${parentGroup}/`) ? parent.slice(parentGroup.length + 2) : "");
      if (group === "") return;
      if (slice) slices.add(group);
      takeIn(group, runId);
      await follow(group);
    },

    /** Idempotent. */
    leave(runId: string): void {
      for (const [group, runs] of users) {
        if (!runs.delete(runId) || runs.size > 0) continue;
        users.delete(group);
        setTimeout(() => void remove(group), removeAfterMs).unref();
      }
    },

    /** Cumulative, of each group that is used, and once more after its last one left. */
    readings(): ReplicaReading[] {
      return [...meters].flatMap(([group, meter]) => {
        const isUsed = users.has(group);
        if (!isUsed && meter.lastTold) return [];
        meter.lastTold = !isUsed;
        const reading = readCgroup(meter.folders);
        return reading ? { replicaId: oneOffMeter(group), ...reading } : [];
      });
    },
  };
};

export type OneOffCgroups = ReturnType<typeof createOneOffCgroups>;
