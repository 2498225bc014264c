import { afterAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { folderOf } from "../testing/docker-fixture.ts";
import { cgroupFolders, cgroupOfProcess, parseMounts, parseProcCgroup } from "./cgroup-paths.ts";
import { fieldOf, readCgroup, readCgroupLimits } from "./cgroup-readings.ts";

const folders: string[] = [];
const root = (files: Record<string, string>) => {
  const folder = folderOf(files);
  folders.push(folder);
  return folder;
};
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

const scope = "system.slice/docker-0123abcd.scope";
const v2 = {
  "proc/self/mountinfo":
    "25 30 0:23 / /proc rw,nosuid - proc proc rw\n" +
    "35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n",
  "proc/77/cgroup": `0::/${scope}\n`,
  [`sys/fs/cgroup/${scope}/cgroup.controllers`]: "cpu memory pids\n",
  [`sys/fs/cgroup/${scope}/memory.current`]: "104857600\n",
  [`sys/fs/cgroup/${scope}/memory.stat`]: "anon 1\nfile 2\ninactive_anon 3\ninactive_file 4857600\n",
  [`sys/fs/cgroup/${scope}/cpu.stat`]:
    "usage_usec 2500\nuser_usec 2000\nsystem_usec 500\nnr_periods 5\nnr_throttled 1\nthrottled_usec 70\n",
  [`sys/fs/cgroup/${scope}/pids.current`]: "7\n",
  [`sys/fs/cgroup/${scope}/memory.events`]: "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\n",
  [`sys/fs/cgroup/${scope}/memory.pressure`]:
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=4321\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=99\n",
  [`sys/fs/cgroup/${scope}/cpu.weight`]: "20\n",
  [`sys/fs/cgroup/${scope}/memory.max`]: "134217728\n",
  [`sys/fs/cgroup/${scope}/memory.swap.max`]: "0\n",
  [`sys/fs/cgroup/${scope}/cpu.max`]: "50000 100000\n",
  [`sys/fs/cgroup/${scope}/pids.max`]: "256\n",
};

describe("cgroup v2", () => {
  test("readings of a container under systemd", () => {
    expect(readCgroup(cgroupOfProcess(77, root(v2))!)).toEqual({
      memoryBytes: 100_000_000,
      cpuNanos: 2_500_000,
      throttledNanos: 70_000,
      pids: 7,
      oomKills: 2,
      memoryLimitHits: 9,
      memoryStallMicros: 4321,
    });
  });

  test("limits as the kernel holds them", () => {
    expect(readCgroupLimits(cgroupOfProcess(77, root(v2))!)).toEqual({
      memoryBytes: 134217728,
      memorySwapBytes: 134217728,
      cpuMillicores: 500,
      cpuWeight: 20,
      pids: 256,
    });
  });

  test("max means no limit", () => {
    const files = {
      ...v2,
      [`sys/fs/cgroup/${scope}/memory.max`]: "max\n",
      [`sys/fs/cgroup/${scope}/cpu.max`]: "max 100000\n",
      [`sys/fs/cgroup/${scope}/pids.max`]: "max\n",
    };
    expect(readCgroupLimits(cgroupOfProcess(77, root(files))!)).toEqual({
      memoryBytes: null,
      memorySwapBytes: null,
      cpuMillicores: null,
      cpuWeight: 20,
      pids: null,
    });
  });

  test("a part of the hierarchy mounted, as inside a container, is taken off the path", () => {
    const files = {
      ...v2,
      "proc/self/mountinfo": "35 24 0:30 /system.slice /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
      "sys/fs/cgroup/docker-0123abcd.scope/memory.current": "10\n",
      "sys/fs/cgroup/docker-0123abcd.scope/memory.stat": "inactive_file 20\n",
      "sys/fs/cgroup/docker-0123abcd.scope/cpu.stat": "usage_usec 1\n",
    };
    // the working set is never negative, though its two files are read one after the other
    expect(readCgroup(cgroupOfProcess(77, root(files))!)).toEqual({
      memoryBytes: 0,
      cpuNanos: 1000,
      throttledNanos: null,
      pids: null,
      oomKills: null,
      memoryLimitHits: null,
      memoryStallMicros: null,
    });
  });

  test("a cgroup that is gone reads as null, as does a process that is gone", () => {
    const folder = root(v2);
    const cgroup = cgroupOfProcess(77, folder)!;
    rmSync(join(folder, "sys"), { recursive: true });
    expect(readCgroup(cgroup)).toBeNull();
    expect(readCgroupLimits(cgroup)).toBeNull();
    expect(cgroupOfProcess(78, folder)).toBeNull();
  });
});

describe("cgroup v1", () => {
  const path = "docker/0123abcd";
  const mount = (name: string, controllers: string) =>
    `36 35 0:3${name.length} / /sys/fs/cgroup/${name} rw,relatime - cgroup cgroup rw,${controllers}\n`;
  const v1 = {
    "proc/self/mountinfo":
      mount("memory", "memory") +
      mount("cpu,cpuacct", "cpu,cpuacct") +
      mount("pids", "pids") +
      "50 35 0:42 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
    "proc/77/cgroup": `6:pids:/${path}\n4:memory:/${path}\n1:cpu,cpuacct:/${path}\n0::/${path}\n`,
    [`sys/fs/cgroup/memory/${path}/memory.usage_in_bytes`]: "5000\n",
    [`sys/fs/cgroup/memory/${path}/memory.stat`]: "inactive_file 1\ntotal_inactive_file 2000\n",
    [`sys/fs/cgroup/memory/${path}/memory.oom_control`]: "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
    [`sys/fs/cgroup/memory/${path}/memory.failcnt`]: "6\n",
    [`sys/fs/cgroup/memory/${path}/memory.limit_in_bytes`]: "9223372036854771712\n",
    [`sys/fs/cgroup/cpu,cpuacct/${path}/cpuacct.usage`]: "12345\n",
    [`sys/fs/cgroup/cpu,cpuacct/${path}/cpu.stat`]: "nr_periods 1\nnr_throttled 1\nthrottled_time 99\n",
    [`sys/fs/cgroup/cpu,cpuacct/${path}/cpu.cfs_quota_us`]: "-1\n",
    [`sys/fs/cgroup/cpu,cpuacct/${path}/cpu.cfs_period_us`]: "100000\n",
    [`sys/fs/cgroup/pids/${path}/pids.current`]: "3\n",
    [`sys/fs/cgroup/pids/${path}/pids.max`]: "max\n",
  };

  test("a hybrid system with joint controllers counts as v1", () => {
    const cgroup = cgroupOfProcess(77, root(v1))!;
    expect(cgroup.version).toBe(1);
    expect(readCgroup(cgroup)).toEqual({
      memoryBytes: 3000,
      cpuNanos: 12345,
      throttledNanos: 99,
      pids: 3,
      oomKills: 4,
      memoryLimitHits: 6,
      memoryStallMicros: null,
    });
  });

  test("no limits, and no swap accounting in this kernel", () => {
    expect(readCgroupLimits(cgroupOfProcess(77, root(v1))!)).toEqual({
      memoryBytes: null,
      memorySwapBytes: null,
      cpuMillicores: null,
      cpuShares: null,
      pids: null,
    });
  });
});

test("no memory controller anywhere gives nothing", () => {
  expect(
    cgroupFolders(parseMounts("1 2 0:1 / / rw - ext4 /dev/x rw\n"), parseProcCgroup("0::/x\n")),
  ).toBeNull();
});

test("a field is found by its whole name, on the first line as well", () => {
  expect(fieldOf("oom_kill 1\n", "oom_kill")).toBe(1);
  expect(fieldOf("total_inactive_file 5\ninactive_file 7\n", "inactive_file")).toBe(7);
  expect(fieldOf("oom_kill_disable 1\n", "oom_kill")).toBeNull();
});
