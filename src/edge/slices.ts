/** How long one piece of work may hold up everybody else. */
const usualMs = 4;

/**
 * Does long work piece by piece (each `yield` is a place to stop), and lets others go on in between.
 * @returns what the work returns
 */
export const inSlices = async <T>(work: Generator<void, T>, sliceMs = usualMs): Promise<T> => {
  for (;;) {
    const untilMs = performance.now() + sliceMs;
    while (performance.now() < untilMs) {
      const step = work.next();
      if (step.done === true) return step.value;
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
};

/** Does all of the work now. */
export const atOnce = <T>(work: Generator<void, T>): T => {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
};
