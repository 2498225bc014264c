import type { Job } from "../jobs/schedule.ts";

const grownBy = 1.15;

/**
 * Gives memory back after a burst such as a row of deployments: the engine's own collector waits for the heap to
 * double, and a daemon that idles among small sites would keep what it needed once. Some tens of milliseconds, at most
 * once a minute, and only after it has grown.
 */
export const memoryJob = (): Job => {
  let settledBytes = Number.POSITIVE_INFINITY;
  return {
    name: "memory",
    when: "40 * * * * *",
    run: async () => {
      const nowBytes = process.memoryUsage.rss();
      if (nowBytes < settledBytes * grownBy && settledBytes !== Number.POSITIVE_INFINITY) return;
      Bun.gc(true);
      settledBytes = process.memoryUsage.rss();
    },
  };
};
