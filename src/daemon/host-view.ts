import { statfs } from "node:fs/promises";
import { cpus, freemem, totalmem } from "node:os";
import type { EdgeDetails } from "./edge-status.ts";
import type { EngineStatus } from "../supervisor/supervisor.ts";

/** Figures of the machine, for the host page and the fleet's head. */
export interface HostView {
  version: string;
  engine: EngineStatus;
  edge: EdgeDetails;
  cores: number;
  /** Mean since the last look, of one core (200 = two cores busy). Null at the first look. */
  cpuPercent: number | null;
  memory: { usedBytes: number; totalBytes: number };
  disk: { usedBytes: number; totalBytes: number };
}

const busyAndTotal = (): { busyMs: number; totalMs: number } => {
  let busyMs = 0;
  let totalMs = 0;
  for (const { times } of cpus()) {
    const sum = times.user + times.nice + times.sys + times.irq + times.idle;
    totalMs += sum;
    busyMs += sum - times.idle;
  }
  return { busyMs, totalMs };
};

/** MemAvailable counts what caches would give back; freemem() alone makes any busy host look full. */
const availableMemory = async (): Promise<number> => {
  const text = await Bun.file("/proc/meminfo")
    .text()
    .catch(() => "");
  const match = /^MemAvailable:\s+(\d+) kB/m.exec(text);
  return match ? Number(match[1]) * 1024 : freemem();
};

const lookEveryMs = 60_000;

export const createHostView = (deps: {
  version: string;
  dataDir: string;
  engine(): EngineStatus;
  edge(): Promise<EdgeDetails>;
}) => {
  let baseline = { ...busyAndTotal(), atMs: performance.now() };
  let cpuPercent: number | null = null;
  return async (): Promise<HostView> => {
    if (cpuPercent === null || performance.now() - baseline.atMs > lookEveryMs) {
      const now = busyAndTotal();
      const totalMs = now.totalMs - baseline.totalMs;
      if (totalMs > 0) cpuPercent = ((now.busyMs - baseline.busyMs) / totalMs) * cpus().length * 100;
      baseline = { ...now, atMs: performance.now() };
    }
    const disk = await statfs(deps.dataDir);
    const totalBytes = disk.blocks * disk.bsize;
    return {
      version: deps.version,
      engine: deps.engine(),
      edge: await deps.edge(),
      cores: cpus().length,
      cpuPercent,
      memory: { usedBytes: totalmem() - (await availableMemory()), totalBytes: totalmem() },
      disk: { usedBytes: totalBytes - disk.bavail * disk.bsize, totalBytes },
    };
  };
};
