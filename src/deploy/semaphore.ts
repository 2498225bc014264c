/**
 * At most `slots` holders at a time; waiting ends when the signal aborts. First come, first served, except that
 * whoever had the last slot lets others go first: nobody can keep a line to himself by standing in it many times.
 */
export interface Semaphore {
  /** @param owner on whose behalf @returns the release of the slot */
  acquire(signal: AbortSignal, owner: string): Promise<() => void>;
}

export const createSemaphore = (slots: number): Semaphore => {
  let free = slots;
  let lastOwner: string | null = null;
  const waiting: { owner: string; turn(): void }[] = [];
  const release = (): void => {
    const other = waiting.findIndex(({ owner }) => owner !== lastOwner);
    const [next] = waiting.splice(Math.max(0, other), 1);
    if (!next) {
      free++;
      return;
    }
    lastOwner = next.owner;
    next.turn();
  };
  const once = (): (() => void) => {
    let released = false;
    return () => {
      if (!released) release();
      released = true;
    };
  };
  return {
    acquire: (signal, owner) => {
      signal.throwIfAborted();
      if (free > 0) {
        free--;
        lastOwner = owner;
        return Promise.resolve(once());
      }
      return new Promise((resolve, reject) => {
        const entry = {
          owner,
          turn: (): void => {
            signal.removeEventListener("abort", abort);
            resolve(once());
          },
        };
        const abort = (): void => {
          waiting.splice(waiting.indexOf(entry), 1);
          reject(signal.reason);
        };
        waiting.push(entry);
        signal.addEventListener("abort", abort, { once: true });
      });
    },
  };
};
