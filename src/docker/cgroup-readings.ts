import { readFileSync } from "node:fs";
import type { ReplicaReading } from "../domain/engine.ts";
import type { AppliedLimits } from "../domain/limits.ts";
import type { CgroupFolders } from "./cgroup-paths.ts";
import { yieldsProcessors } from "./precedence.ts";

/** A value of `key value` lines, as in memory.stat. */
export const fieldOf = (text: string, key: string): number | null => {
  const at = text.startsWith(`${key} `) ? 0 : text.indexOf(`\n${key} `) + 1;
  if (at === 0 && !text.startsWith(`${key} `)) return null;
  const value = Number.parseInt(text.slice(at + key.length + 1), 10);
  return Number.isFinite(value) ? value : null;
};

/** Files of cgroups are in memory: reading them synchronously takes microseconds and never waits for a disk. */
export type ReadText = (path: string) => string;
const readText: ReadText = (path) => readFileSync(path, "latin1");
const text = (folder: string | null, file: string, read = readText): string => read(`${folder}/${file}`);

const optional = <T>(read: () => T): T | null => {
  try {
    return read();
  } catch {
    return null; // this kernel does not offer it
  }
};

const number = (folder: string | null, file: string, read = readText): number => {
  const value = Number.parseInt(text(folder, file, read), 10);
  if (!Number.isFinite(value)) throw new Error(`${folder}/${file} holds no number`);
  return value;
};

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=1234` (Linux Documentation/accounting/psi.rst). */
const stalledMicros = (pressure: string): number | null => {
  const total = /^some .*total=(\d+)/m.exec(pressure)?.[1];
  return total === undefined ? null : Number(total);
};

type Reading = Omit<ReplicaReading, "replicaId">;

const readV1 = (cgroup: CgroupFolders & { version: 1 }, read: ReadText): Reading => ({
  memoryBytes: Math.max(
    0,
    number(cgroup.memory, "memory.usage_in_bytes", read) -
      (fieldOf(text(cgroup.memory, "memory.stat", read), "total_inactive_file") ?? 0),
  ),
  cpuNanos: number(cgroup.cpuacct, "cpuacct.usage", read),
  throttledNanos: optional(() => fieldOf(text(cgroup.cpu, "cpu.stat", read), "throttled_time")),
  pids: optional(() => number(cgroup.pids, "pids.current", read)),
  oomKills: optional(() => fieldOf(text(cgroup.memory, "memory.oom_control", read), "oom_kill")),
  memoryLimitHits: optional(() => number(cgroup.memory, "memory.failcnt", read)),
  memoryStallMicros: null,
});

const readV2 = ({ folder }: CgroupFolders & { version: 2 }, read: ReadText): Reading => {
  const cpu = text(folder, "cpu.stat", read);
  const throttledMicros = fieldOf(cpu, "throttled_usec");
  const events = optional(() => text(folder, "memory.events", read));
  return {
    memoryBytes: Math.max(
      0,
      number(folder, "memory.current", read) -
        (fieldOf(text(folder, "memory.stat", read), "inactive_file") ?? 0),
    ),
    cpuNanos: (fieldOf(cpu, "usage_usec") ?? 0) * 1000,
    throttledNanos: throttledMicros === null ? null : throttledMicros * 1000,
    pids: optional(() => number(folder, "pids.current", read)),
    oomKills: events === null ? null : fieldOf(events, "oom_kill"),
    memoryLimitHits: events === null ? null : fieldOf(events, "max"),
    memoryStallMicros: optional(() => stalledMicros(text(folder, "memory.pressure", read))),
  };
};

/**
 * Usage of one cgroup since it began (Linux Documentation/admin-guide/cgroup-v1/memory.rst, cpuacct.rst and
 * cgroup-v2.rst). @returns null when the cgroup is gone, that is: the container ended
 */
export const readCgroup = (cgroup: CgroupFolders, read = readText): Reading | null => {
  try {
    return cgroup.version === 1 ? readV1(cgroup, read) : readV2(cgroup, read);
  } catch {
    return null;
  }
};

/** v1 says "no limit" with the largest page-aligned number. */
const unlimitedFrom = 2 ** 60;
const bounded = (value: number | null): number | null =>
  value === null || value < 0 || value >= unlimitedFrom ? null : value;

const limitsV1 = (cgroup: CgroupFolders & { version: 1 }): Omit<AppliedLimits, "readAtMs"> => {
  const quota = optional(() => number(cgroup.cpu, "cpu.cfs_quota_us"));
  const period = optional(() => number(cgroup.cpu, "cpu.cfs_period_us"));
  return {
    memoryBytes: bounded(number(cgroup.memory, "memory.limit_in_bytes")),
    memorySwapBytes: bounded(optional(() => number(cgroup.memory, "memory.memsw.limit_in_bytes"))),
    cpuMillicores: quota !== null && quota > 0 && period ? Math.round((quota / period) * 1000) : null,
    cpuShares: yieldsProcessors(cgroup) ? null : optional(() => number(cgroup.cpu, "cpu.shares")),
    pids: optional(() => number(cgroup.pids, "pids.max")), // "max" is no number
  };
};

const limitsV2 = (cgroup: CgroupFolders & { version: 2 }): Omit<AppliedLimits, "readAtMs"> => {
  const { folder } = cgroup;
  const memory = optional(() => number(folder, "memory.max"));
  const swap = optional(() => number(folder, "memory.swap.max"));
  const [quota, period] = (optional(() => text(folder, "cpu.max")) ?? "max").split(" ").map(Number);
  text(folder, "cgroup.controllers"); // throws when the cgroup is gone
  return {
    memoryBytes: memory,
    memorySwapBytes: memory === null || swap === null ? null : memory + swap,
    cpuMillicores: quota && period ? Math.round((quota / period) * 1000) : null,
    cpuWeight: yieldsProcessors(cgroup) ? null : optional(() => number(folder, "cpu.weight")),
    pids: optional(() => number(folder, "pids.max")),
  };
};

/** What the kernel holds a cgroup to; null when it is gone. */
export const readCgroupLimits = (cgroup: CgroupFolders): Omit<AppliedLimits, "readAtMs"> | null => {
  try {
    return cgroup.version === 1 ? limitsV1(cgroup) : limitsV2(cgroup);
  } catch {
    return null;
  }
};
