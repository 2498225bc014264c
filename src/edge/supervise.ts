import { type EdgeClient, isHanging } from "./client.ts";
import { isEdgeOn } from "./edge-view.ts";
import { processIdOf } from "./processes/identity.ts";
import { type EdgeProcess, ensureEdge } from "./spawn.ts";

export interface EdgeSupervision extends EdgeProcess {
  signal: AbortSignal;
  /** Called with each edge that is new to the supervision: the first, adopted or started, and each successor. */
  onRestart?: (client: EdgeClient) => void;
  /** Called with what keeps the edge from running or answering, and with null once it does. */
  onTrouble?: (error: unknown) => void;
  /** An edge that lives but has not answered for this long is killed, and another one started. 10 s by default. */
  patienceMs?: number;
}

const checkMs = 250;
const healthEvery = 8;
const longestPauseMs = 10_000;

/**
 * Keeps an edge running until the signal: looks four times a second whether the process is there, and every
 * two seconds whether it answers. A start that fails is logged and tried again with growing pauses. The edge
 * itself outlives the supervision.
 */
export const superviseEdge = async (supervision: EdgeSupervision): Promise<void> => {
  const { signal, onRestart, onTrouble, patienceMs = 10_000, ...wanted } = supervision;
  let pid: number | null = null;
  let answeredAtMs = performance.now();
  let pauseMs = checkMs;
  for (let round = 0; !signal.aborted; round++) {
    const alive = pid !== null && processIdOf(pid) !== null;
    if (!alive || round % healthEvery === 0) {
      try {
        const client = await ensureEdge(wanted);
        const present = (await client.health()).pid;
        onTrouble?.(null);
        if (present !== pid) onRestart?.(client);
        pid = present;
        answeredAtMs = performance.now();
        pauseMs = checkMs;
      } catch (error) {
        if (signal.aborted) return;
        wanted.log.error("the edge could not be started", { error });
        onTrouble?.(error);
        if (alive && isHanging(error) && performance.now() - answeredAtMs > patienceMs) {
          wanted.log.error("the edge lives but does not answer; it is killed", { pid });
          if (isEdgeOn(pid!, wanted.dir, wanted.view)) process.kill(pid!, "SIGKILL");
          pauseMs = checkMs;
        } else pauseMs = Math.min(longestPauseMs, pauseMs * 2);
      }
    }
    await pause(pauseMs, signal);
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
