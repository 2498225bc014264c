import type { EdgeClient } from "./client.ts";
import { type EdgeProcess, ensureEdge } from "./spawn.ts";

export interface EdgeSupervision extends EdgeProcess {
  signal: AbortSignal;
  /** Called each time an edge was started in the place of one that was gone. */
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
        if (pid !== null && present !== pid) onRestart?.(client);
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

/** Another user's process answers EPERM, which means that it is there. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
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
