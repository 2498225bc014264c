import type { Engine, EngineDisk } from "../domain/engine.ts";

/** What the engine last said of its disk, for pages, which do not wait for it. */
export const seenEngineDisk = (engine: Pick<Engine, "diskFacts">) => {
  let last: EngineDisk | null = null;
  return {
    /** Asks only while nothing is known. @throws AppError `engine_unavailable` */
    first: async (): Promise<EngineDisk> => (last ??= await engine.diskFacts()),
    /** As it was seen last, and asks anew for the next time. */
    seen: (): EngineDisk | null => {
      void engine.diskFacts().then(
        (facts) => (last = facts),
        () => {},
      );
      return last;
    },
  };
};
