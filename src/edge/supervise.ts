import { readFileSync } from "node:fs";
import type { EdgeClient } from "./client.ts";
import { type EdgeProcess, ensureEdge } from "./spawn.ts";

export interface EdgeSupervision extends EdgeProcess {
  signal: AbortSignal;
  /** Called with each edge that is new to the supervision: the first, adopted or started, and each successor. */
  onRestart?: (client: EdgeClient) => void;
}

const checkMs = 250;
const healthEvery = 8;

/**
 * Keeps an edge running until the signal: looks four times a second whether the process is there, and every
 * two seconds whether it answers. A start that fails is logged and tried again with growing pauses (10 s at most).
 */
export const superviseEdge = async ({ signal, onRestart, ...wanted }: EdgeSupervision): Promise<void> => {
  let pid: number | null = null;
  let pauseMs = checkMs;
  for (let round = 0; !signal.aborted; round++) {
    if (pid === null || !isAlive(pid) || round % healthEvery === 0) {
      try {
        const client = await ensureEdge(wanted);
        const present = (await client.health()).pid;
        if (present !== pid) onRestart?.(client);
        pid = present;
        pauseMs = checkMs;
      } catch (error) {
        if (signal.aborted) return;
        wanted.log.error("the edge could not be started", { error });
        pauseMs = Math.min(10_000, pauseMs * 2);
      }
    }
    await pause(pauseMs, signal);
  }
};

/** By the kernel's word, since a killed child may stay on as a zombie for a while (proc(5), state Z or X). */
const isAlive = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^\) [ZX]/.test(stat.slice(stat.lastIndexOf(")")));
  } catch {
    return false;
  }
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
