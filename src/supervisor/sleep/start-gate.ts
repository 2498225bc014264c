/** Starting an app takes processor and memory that those awake would miss: so many at once. */
const atOnce = 6;
/** An app that starts slowly does not keep others from it for longer. */
const longestMs = 3000;

/** Lets a bounded number of sleepers start at once, in the order of their coming. */
export interface StartGate {
  /** @returns to be called once it is up; the place is given on after some seconds anyway */
  enter(): Promise<() => void>;
}

export const createStartGate = (): StartGate => {
  let inside = 0;
  const waiting: (() => void)[] = [];
  const leave = (): void => {
    inside--;
    waiting.shift()?.();
  };
  return {
    enter: async () => {
      if (inside >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
      inside++;
      let left = false;
      const once = (): void => {
        if (left) return;
        left = true;
        clearTimeout(timer);
        leave();
      };
      const timer = setTimeout(once, longestMs);
      return once;
    },
  };
};
