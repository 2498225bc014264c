import { existsSync, readFileSync } from "node:fs";
import { createEdgeClient } from "../client.ts";
import { processesIn } from "../processes/folder.ts";
import { isLiving, pidOf } from "../processes/identity.ts";

/** Kills all processes of the edge that runs on the folder, if there is one, and waits for their end. */
export const killEdge = async (dir: string): Promise<void> => {
  // The lead first, which would start others.
  const health = await createEdgeClient(dir)
    .health()
    .catch(() => null);
  const living = processesIn(dir).filter(isLiving).map(pidOf);
  for (const pid of new Set([...(health === null ? [] : [health.pid]), ...living])) {
    process.kill(pid, "SIGKILL");
    await ended(pid);
  }
};

export const ended = async (pid: number): Promise<void> => {
  while (existsSync(`/proc/${pid}/exe`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")))
    await Bun.sleep(5);
};
