import { leadSocket } from "./processes/folder.ts";

/**
 * Routes at which somebody has begun to wait since the daemon was last told: a site that sleeps is to be woken within
 * moments. What is lost on the way, such as with a process that ends, is told again by `GET /wanted` some seconds later,
 * as long as somebody waits.
 */
export interface WakeCalls {
  /** The first request of this route has begun to wait. */
  note(routeId: string): void;
  /** Waits for calls, so many ms at most. @returns what was noted; empty when nothing was */
  next(ms: number): Promise<string[]>;
  /** Lets go who waits for calls: the next ones come to another process. */
  release(): void;
  /** Where calls go instead; null: they are kept for `next`. */
  passOn: ((routeId: string) => void) | null;
}

export const createWakeCalls = (): WakeCalls => {
  const noted = new Set<string>();
  let tell: () => void = () => {};
  const calls: WakeCalls = {
    passOn: null,
    note(routeId) {
      if (calls.passOn !== null) {
        calls.passOn(routeId);
        return;
      }
      noted.add(routeId);
      tell();
    },
    async next(ms) {
      // One daemon asks; who asked before it is gone.
      tell();
      if (noted.size === 0)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          tell = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      const ids = [...noted];
      noted.clear();
      return ids;
    },
    release: () => tell(),
  };
  return calls;
};

const tellMs = 2_000;

/** Tells the present lead, from which the daemon hears it. Best effort. */
export const tellWanted = async (dir: string, route: string): Promise<void> => {
  try {
    await fetch("http://edge/own/wanted", {
      unix: leadSocket(dir),
      method: "POST",
      body: JSON.stringify({ route }),
      signal: AbortSignal.timeout(tellMs),
      keepalive: false,
    });
  } catch {
    // The daemon asks every few seconds who waits.
  }
};
