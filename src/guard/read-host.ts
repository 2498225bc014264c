import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { HostFigures } from "../domain/guard.ts";

interface Counters {
  atMs: number;
  busyTicks: number;
  ticks: number;
  stalledMicros: Record<"cpu" | "memory" | "io", number | null>;
}

/** Files of /proc are made as they are read: microseconds, and never a wait for a disk. */
const textOf = (path: string): string | null => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
};

/** `some … total=N` of a pressure file (accounting/psi.rst); null where the kernel has none. */
const stalledMicros = (text: string | null): number | null => {
  const total = /^some .*total=(\d+)/m.exec(text ?? "");
  return total ? Number(total[1]) : null;
};

/** The first line of /proc/stat (proc_stat(5)): user nice system idle iowait irq softirq steal …; guests are in user. */
const cpuTicks = (text: string | null): { busyTicks: number; ticks: number } => {
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = (text ?? "")
    .slice(0, (text ?? "").indexOf("\n"))
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const busyTicks = user + nice + system + irq + softirq + steal;
  return { busyTicks, ticks: busyTicks + idle + iowait };
};

const kilobytes = (meminfo: string, field: string): number | null => {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(meminfo);
  return match ? Number(match[1]) * 1024 : null;
};

const memoryOf = (meminfo: string | null): HostFigures["memory"] => {
  const availableBytes = kilobytes(meminfo ?? "", "MemAvailable");
  const totalBytes = kilobytes(meminfo ?? "", "MemTotal");
  if (availableBytes === null || totalBytes === null) return null;
  return { availableBytes, totalBytes, swapFreeBytes: kilobytes(meminfo ?? "", "SwapFree") ?? 0 };
};

export interface HostReader {
  /** Percentages are null at the first look, and where nothing can be told. */
  read(folders: readonly string[]): Promise<HostFigures>;
}

/**
 * Looks at the machine: four small files and a statfs for each folder.
 * @param fsRoot `/`; tests give a folder that holds a `proc`
 */
export const createHostReader = (clock: { monotonicMs(): number }, fsRoot = "/"): HostReader => {
  const proc = (path: string): string | null => textOf(join(fsRoot, "proc", path));
  let before: Counters | null = null;

  const counters = (): Counters => ({
    atMs: clock.monotonicMs(),
    ...cpuTicks(proc("stat")),
    stalledMicros: {
      cpu: stalledMicros(proc("pressure/cpu")),
      memory: stalledMicros(proc("pressure/memory")),
      io: stalledMicros(proc("pressure/io")),
    },
  });

  const stalledPercent = (now: Counters, what: "cpu" | "memory" | "io"): number | null => {
    const [from, to] = [before?.stalledMicros[what] ?? null, now.stalledMicros[what]];
    const spanMicros = before === null ? 0 : (now.atMs - before.atMs) * 1000;
    return from === null || to === null || spanMicros <= 0
      ? null
      : Math.max(0, Math.min(100, ((to - from) / spanMicros) * 100));
  };

  /** Without pressure figures: how many more want a processor than there are, of twice as many. */
  const queued = (): number | null => {
    const running = /^procs_running (\d+)/m.exec(proc("stat") ?? "");
    const cores = (proc("stat") ?? "").match(/^cpu\d+ /gm)?.length ?? 0;
    if (!running || cores === 0) return null;
    return Math.max(0, Math.min(100, ((Number(running[1]) - cores) / (2 * cores)) * 100));
  };

  return {
    read: async (folders) => {
      const now = counters();
      const ticks = before === null ? 0 : now.ticks - before.ticks;
      const figures: HostFigures = {
        atMs: now.atMs,
        disk: await tightestDisk(folders),
        memory: memoryOf(proc("meminfo")),
        cpuBusyPercent: ticks > 0 ? ((now.busyTicks - before!.busyTicks) / ticks) * 100 : null,
        cpuStalledPercent: now.stalledMicros.cpu === null ? queued() : stalledPercent(now, "cpu"),
        memoryStalledPercent: stalledPercent(now, "memory"),
        ioStalledPercent: stalledPercent(now, "io"),
      };
      before = now;
      return figures;
    },
  };
};

/** Null when none can be looked at. */
const tightestDisk = async (folders: readonly string[]): Promise<HostFigures["disk"]> => {
  let tightest: HostFigures["disk"] = null;
  for (const folder of folders) {
    const facts = await statfs(folder).catch(() => null);
    if (facts === null) continue;
    const freeBytes = facts.bavail * facts.bsize;
    if (tightest === null || freeBytes < tightest.freeBytes)
      tightest = { folder, freeBytes, totalBytes: facts.blocks * facts.bsize };
  }
  return tightest;
};
