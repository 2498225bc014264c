import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../domain/log.ts";
import { buildsSlice, openBuildSlice } from "./build-slice.ts";
import { parseMounts } from "./cgroup-paths.ts";
import { hasSystemd } from "./systemd-slices.ts";

/** Under this group lies one group per running build. */
export const buildGroup = "croft-build";
const removeAttempts = 20;
const lookEveryMs = 500;
/** Sites have 500. */
const expendable = "700";
/** A quarter of what anything else has by default. */
const weight = { v1: "256", v2: "25" };

export interface BuildCgroup {
  /** Docker's `cgroupparent`; null when there is no group of our own. */
  parent: string | null;
  /** Best effort: a group that is still in use is left for the next build of the machine to share. */
  close(): Promise<void>;
}

export interface BuildCgroups {
  open(limits: { pids: number }): Promise<BuildCgroup>;
  /** Whether builds' processes are bounded; what `info` tells people. */
  available(cgroupDriver: string): Promise<boolean>;
}

/**
 * The builder has no parameter for processes, but takes a parent cgroup: one of our own per build, with
 * `pids.max`; where Docker leaves groups to systemd, a slice.
 */
export const createBuildCgroups = (log: Log, driver: () => Promise<string>): BuildCgroups => {
  let known: string | null = null;
  /** Asked once: `docker info` takes 0.2 s, and another driver means another configuration of the host. */
  const driverOnce = async (): Promise<string> => (known ??= await driver());
  const none: BuildCgroup = { parent: null, close: async () => {} };

  /** The folder of the hierarchy that counts processes. */
  const hierarchy = async (): Promise<{ folder: string; unified: boolean } | null> => {
    const mounts = parseMounts(await readFile("/proc/self/mountinfo", "utf8"));
    const pids = mounts.find((mount) => mount.type === "cgroup" && mount.controllers.includes("pids"));
    if (pids) return { folder: pids.folder, unified: false };
    const unified = mounts.find((mount) => mount.type === "cgroup2");
    return unified ? { folder: unified.folder, unified: true } : null;
  };

  const make = async (pids: number): Promise<BuildCgroup> => {
    const where = await hierarchy();
    if (!where) return none;
    const name = crypto.randomUUID();
    const folder = join(where.folder, buildGroup, name);
    await mkdir(folder, { recursive: true });
    if (where.unified)
      for (const level of [where.folder, join(where.folder, buildGroup)])
        await writeFile(join(level, "cgroup.subtree_control"), "+pids +memory +cpu");
    await writeFile(join(folder, "pids.max"), String(pids));
    await lowerWeight(where);
    const stop = keepExpendable(folder);
    return {
      parent: `/${buildGroup}/${name}`,
      async close() {
        stop();
        // runc made the same path in the other v1 hierarchies
        const others = parseMounts(await readFile("/proc/self/mountinfo", "utf8")).map((mount) =>
          join(mount.folder, buildGroup, name),
        );
        for (const each of new Set([folder, ...others])) await removeGroup(each);
      },
    };
  };

  const makeSlice = async (pids: number): Promise<BuildCgroup> => {
    const slice = await openBuildSlice({ pids, weight: Number(weight.v2) });
    const where = await hierarchy();
    const stop = where && keepExpendable(join(where.folder, `${buildsSlice}.slice`, slice.name));
    return {
      parent: slice.name,
      async close() {
        stop?.();
        await slice.close().catch((error) => log.debug("a build's slice stays behind", { error }));
      },
    };
  };

  /** All builds together: sites and the edge go before them wherever processors are contended. */
  const lowerWeight = async ({ folder, unified }: { folder: string; unified: boolean }): Promise<void> => {
    if (unified) return writeFile(join(folder, buildGroup, "cpu.weight"), weight.v2);
    const mounts = parseMounts(await readFile("/proc/self/mountinfo", "utf8"));
    const cpu = mounts.find(({ type, controllers }) => type === "cgroup" && controllers.includes("cpu"));
    if (!cpu) return;
    await mkdir(join(cpu.folder, buildGroup), { recursive: true });
    await writeFile(join(cpu.folder, buildGroup, "cpu.shares"), weight.v1);
  };

  /**
   * The builder has no parameter for it either: when the host's memory runs out, a build is to go before sites do.
   * What a marked process starts is marked, so a look now and then finds all.
   */
  const keepExpendable = (folder: string): (() => void) => {
    const look = async (): Promise<void> => {
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (!entry.isDirectory()) continue;
        const procs = await readFile(join(folder, entry.name, "cgroup.procs"), "utf8");
        for (const pid of procs.split("\n").filter(Boolean))
          await writeFile(`/proc/${pid}/oom_score_adj`, expendable, { flag: "r+" }).catch(() => {});
      }
    };
    // Processes and groups come and go while they are looked at.
    const timer = setInterval(() => void look().catch(() => {}), lookEveryMs);
    return () => clearInterval(timer);
  };

  const removeGroup = async (folder: string): Promise<void> => {
    for (let attempt = 0; attempt < removeAttempts; attempt++) {
      const code = await rmdir(folder).then(
        () => null,
        (error: NodeJS.ErrnoException) => error.code,
      );
      if (code !== "EBUSY" && code !== "ENOTEMPTY") return;
      await Bun.sleep(50);
    }
    log.debug("a build's cgroup stays behind", { folder });
  };

  return {
    available: async (cgroupDriver) =>
      cgroupDriver === "systemd" ? hasSystemd() : cgroupDriver === "cgroupfs" && (await hierarchy()) !== null,
    async open({ pids }) {
      try {
        const cgroupDriver = await driverOnce();
        if (cgroupDriver === "cgroupfs") return await make(pids);
        return cgroupDriver === "systemd" && hasSystemd() ? await makeSlice(pids) : none;
      } catch (error) {
        log.warn("a build runs without a bound on its processes", { error });
        return none;
      }
    },
  };
};
