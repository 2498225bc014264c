/** Work of one kind beside the passes: a bounded number at a time, the most important of what waits first. */
export interface StartQueue {
  /**
   * Does it once there is room; not again while it waits or is done.
   * @param rank the lowest first; that of the last call holds
   */
  add(key: string, rank: number, work: () => Promise<void>): void;
  /** What waits is dropped. */
  clear(): void;
}

/** @param onError for what goes wrong; nothing else is hurt by it */
export const createStartQueue = (
  atOnce: number,
  onError: (key: string, error: unknown) => void,
): StartQueue => {
  const waiting = new Map<string, { rank: number; work: () => Promise<void> }>();
  const running = new Set<string>();

  const next = (): void => {
    if (running.size >= atOnce || waiting.size === 0) return;
    const [key, { work }] = [...waiting].reduce((first, one) => (one[1].rank < first[1].rank ? one : first));
    waiting.delete(key);
    running.add(key);
    void work()
      .catch((error) => onError(key, error))
      .finally(() => {
        running.delete(key);
        next();
      });
    next();
  };

  return {
    add(key, rank, work) {
      if (running.has(key)) return;
      waiting.set(key, { rank, work });
      // Those of one pass are all there before the first is taken.
      queueMicrotask(next);
    },
    clear: () => waiting.clear(),
  };
};
