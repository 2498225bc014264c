import { readFileSync } from "node:fs";
import { join } from "node:path";
import { docker } from "../e2e/croft.ts";

/** What a site may do to its neighbours, each as a shell of its own inside its container (busybox). */
export const attacks = {
  // One that grows without end meets its limit, where a shell that may not fork ends: this one goes on and on.
  "fork bomb": "for n in 1 2 3 4 5 6 7 8; do (while :; do (:); done) & done; wait",
  "memory hog": "while :; do dd if=/dev/zero of=/dev/null bs=2G count=1; done",
  "CPU burn": "for n in 1 2 3 4; do (while :; do :; done) & done; wait",
  "log flood": "yes 'this is what happens when an app logs everything it does' > /proc/1/fd/1",
  "disk fill": "while :; do dd if=/dev/zero of=/fill bs=1M count=2000; rm /fill; done",
} as const;
export type Attack = keyof typeof attacks;

export interface Attacked {
  /** Nothing is left of it afterwards, however often it forks. */
  stop(): Promise<void>;
}

/** Begins an attack inside the site's container, of which there is one. */
export const attackFrom = async (slug: string, attack: Attack): Promise<Attacked> => {
  const ofSite = ["--filter", `label=croft.site=${slug}`, "--filter", "label=croft.role=site"];
  const id = await docker("ps", "-q", "--no-trunc", ...ofSite);
  const before = new Set(pidsOf(await pidOf(id)));
  await docker("exec", "-d", id, "sh", "-c", attacks[attack]);
  return {
    stop: async () => {
      const pid = await pidOf(id);
      if (pid === 0) return;
      // A frozen one does not fork while it is killed.
      await docker("pause", id);
      for (const one of pidsOf(pid)) if (!before.has(one)) kill(one);
      await docker("unpause", id);
      await docker("exec", id, "rm", "-f", "/fill");
    },
  };
};

const pidOf = async (id: string): Promise<number> =>
  Number(await docker("inspect", "-f", "{{.State.Pid}}", id));

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Ended by itself.
  }
};

/** All processes of the container whose first process this is. */
const pidsOf = (pid: number): number[] => {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const v1 = lines.find((line) => line.includes(":pids:"));
  const path = (v1 ?? lines.find((line) => line.startsWith("0::")))!.split(":").slice(2).join(":");
  const procs = join("/sys/fs/cgroup", v1 ? "pids" : "", path, "cgroup.procs");
  return readFileSync(procs, "utf8").split("\n").filter(Boolean).map(Number);
};
