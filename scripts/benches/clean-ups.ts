/** What is to be undone when a bench is cut short by a signal or takes too long; `finally` does not run then. */
const waiting = new Set<() => Promise<void>>();

/** Runs `use`, then `undo`, however it ends. */
export const withCleanUp = async <T>(undo: () => Promise<void>, use: () => Promise<T>): Promise<T> => {
  waiting.add(undo);
  try {
    return await use();
  } finally {
    if (waiting.delete(undo)) await undo();
  }
};

/** Undoes everything that is going on, the last begun first. */
export const undoAll = async (): Promise<void> => {
  for (const undo of [...waiting].reverse()) {
    waiting.delete(undo);
    await undo().catch((error) => console.error(error));
  }
};

/** Undoes everything and ends the process. */
export const cleanUpOnSignals = (): void => {
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, async () => {
      await undoAll();
      process.exit(signal === "SIGINT" ? 130 : 143);
    });
};
