import { readFileSync } from "node:fs";
import type { Log } from "../../domain/log.ts";
import { argumentsOf, type EdgeSettings } from "../edge-arguments.ts";
import { processState } from "./commands.ts";
import { type ProcessId, processIdOf } from "./identity.ts";
import type { Peers } from "./peers.ts";

/** The processes that serve beside the lead: each that ends is started again. */
export interface Workers {
  has(id: ProcessId): boolean;
  /** Waits until all serve, for some seconds at most. */
  ready(): Promise<void>;
  /** Starts none any more; those that run go on. */
  release(): void;
}

const readyMs = 5_000;
const pollMs = 10;
const firstPauseMs = 100;
const longestPauseMs = 10_000;
/** One that ran for this long has come up well. */
const steadyMs = 5_000;

/** @param settings as the lead has bound them: its workers share its ports */
export const startWorkers = (
  count: number,
  deps: { settings: EdgeSettings; own: ProcessId; peers: Peers; log: Log },
): Workers => {
  const { settings, own, peers, log } = deps;
  const args = [...argumentsOf(settings), "--worker-of", own];
  const present: (ProcessId | null)[] = new Array<null>(count).fill(null);
  let released = false;

  const keep = async (at: number): Promise<void> => {
    for (let pauseMs = firstPauseMs; !released;) {
      const startedAtMs = performance.now();
      const child = spawnLikeThis(args);
      present[at] = processIdOf(child.pid);
      await child.exited;
      present[at] = null;
      if (released) return;
      log.error("an edge worker ended and is started again", {
        pid: child.pid,
        code: child.exitCode,
        signal: child.signalCode,
      });
      pauseMs =
        performance.now() - startedAtMs > steadyMs ? firstPauseMs : Math.min(longestPauseMs, pauseMs * 2);
      await Bun.sleep(pauseMs);
    }
  };
  for (let at = 0; at < count; at++)
    keep(at).catch((error: unknown) => log.error("an edge worker cannot be started", { error }));

  return {
    has: (id) => present.includes(id),
    async ready() {
      const endsAtMs = performance.now() + readyMs;
      const waiting = new Set(present.keys());
      while (waiting.size > 0 && performance.now() < endsAtMs) {
        for (const at of waiting) {
          const id = present[at];
          const state =
            id == null ? null : await peers.ask(id, processState, { method: "GET", path: "/state" });
          if (state?.role === "worker") waiting.delete(at);
        }
        if (waiting.size > 0) await Bun.sleep(pollMs);
      }
      if (waiting.size > 0) log.error("edge workers do not come up", { missing: waiting.size });
    },
    release() {
      released = true;
    },
  };
};

/** This very program, also when the file that it was started from has been replaced (proc_pid_exe(5)). */
const spawnLikeThis = (args: readonly string[]): Bun.Subprocess => {
  const words = readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(1, -1);
  const script = words.slice(0, words.indexOf("edge"));
  const named = words.indexOf("--as-version");
  const version = named < 0 ? [] : words.slice(named, named + 2);
  const child = Bun.spawn(["/proc/self/exe", ...script, "edge", ...args, ...version], {
    cwd: "/",
    stdin: "ignore",
    // The folder that the edge was handed is named through its third descriptor.
    stdio: [
      "ignore",
      "inherit",
      "inherit",
      ...(args.some((word) => word.startsWith("/proc/self/fd/3")) ? [3] : []),
    ],
  });
  child.unref();
  return child;
};
