import { existsSync, readFileSync } from "node:fs";
import { createEdgeClient } from "../client.ts";

/** Kills the edge that runs on the folder, if there is one, and waits for its end. */
export const killEdge = async (dir: string): Promise<void> => {
  const health = await createEdgeClient(dir)
    .health()
    .catch(() => null);
  if (health === null) return;
  process.kill(health.pid, "SIGKILL");
  await ended(health.pid);
};

export const ended = async (pid: number): Promise<void> => {
  while (existsSync(`/proc/${pid}/exe`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")))
    await Bun.sleep(5);
};
