import { statfs } from "node:fs/promises";
import type { Engine } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import { formatBytes } from "../domain/size.ts";
import type { Job } from "../jobs/schedule.ts";

/** Layers are worth keeping for the next build of the same app, as long as there is room. */
const keptSeconds = 7 * 24 * 3600;
/** Longer than any build runs: what one is made of must not go while it is made. */
const keptWhenFullSeconds = 30 * 60;
const lowShare = 0.2;

/** Removes what builds left and nothing needs: the old and, on a disk that fills, all but the newest. */
export const buildCacheJob = (deps: {
  engine: Pick<Engine, "pruneBuildCache">;
  engineUp(): boolean;
  log: Log;
  /** The build network, by which builds of this installation are told from others'. */
  network: string;
  /** On the disk that is not to fill. */
  dataDir: string;
}): Job => ({
  name: "build cache",
  when: "20 */10 * * * *",
  run: async () => {
    if (!deps.engineUp()) return;
    const { bavail, blocks } = await statfs(deps.dataDir);
    const isLow = bavail / blocks < lowShare;
    const bytes = await deps.engine.pruneBuildCache(deps.network, isLow ? keptWhenFullSeconds : keptSeconds);
    if (bytes > 0) deps.log.info("build cache tidied", { freed: formatBytes(bytes), isLow });
  },
});
