/** At most `slots` holders at a time, first come, first served; waiting ends when the signal aborts. */
export interface Semaphore {
  /** @returns the release of the slot */
  acquire(signal: AbortSignal): Promise<() => void>;
}

export const createSemaphore = (slots: number): Semaphore => {
  let free = slots;
  const waiting: (() => void)[] = [];
  const release = (): void => {
    const next = waiting.shift();
    if (next) next();
    else free++;
  };
  const once = (): (() => void) => {
    let released = false;
    return () => {
      if (!released) release();
      released = true;
    };
  };
  return {
    acquire: (signal) => {
      signal.throwIfAborted();
      if (free > 0) {
        free--;
        return Promise.resolve(once());
      }
      return new Promise((resolve, reject) => {
        const turn = (): void => {
          signal.removeEventListener("abort", abort);
          resolve(once());
        };
        const abort = (): void => {
          waiting.splice(waiting.indexOf(turn), 1);
          reject(signal.reason);
        };
        waiting.push(turn);
        signal.addEventListener("abort", abort, { once: true });
      });
    },
  };
};
