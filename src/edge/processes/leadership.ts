import type { Log } from "../../domain/log.ts";
import { createEdgeClient, isHanging } from "../client.ts";
import { processState } from "./commands.ts";
import { z } from "zod";
import { forgetDead, leadOf, takeLead } from "./folder.ts";
import { isLiving, pidOf, type ProcessId } from "./identity.ts";
import type { Peers } from "./peers.ts";

/** What falls to the lead among an edge's processes. */
export interface Leadership {
  /** Asks everybody who serves without belonging to this lead to leave. */
  retireOthers(): Promise<void>;
  /**
   * To be called every second: keeps the folder in order. A lead whose place was taken by a process that then died
   * before it told so takes it back.
   */
  look(): void;
}

/** As long as the daemon has patience with the lead. */
const patienceMs = 10_000;

export const createLeadership = (deps: {
  dir: string;
  own: ProcessId;
  /** For those who leave. */
  drainMs: number;
  peers: Peers;
  log: Log;
  /** A worker of this lead. */
  isMine: (id: ProcessId) => boolean;
  /** Takes over what processes that ended have counted. */
  takeStock: () => void;
}): Leadership => {
  const { dir, own, peers, log } = deps;
  /** They are on their way out. */
  const leaving = new Set<ProcessId>();
  /** Since when who has not answered. */
  const silent = new Map<ProcessId, number>();
  let busy = false;

  const retireOthers = async (): Promise<void> => {
    const present = peers.ids();
    for (const id of leaving) if (!present.includes(id)) leaving.delete(id);
    await Promise.all(
      present
        .filter((id) => !leaving.has(id) && !deps.isMine(id))
        .map(async (id) => {
          const state = await peers.ask(id, processState, { method: "GET", path: "/state" });
          if (state === null || state.role === "starting") return;
          const body = { lead: own, deadlineMs: deps.drainMs };
          const gone =
            state.role === "retired" ||
            (await peers.ask(id, z.object({}), { method: "POST", path: "/retire", body })) !== null;
          if (gone) leaving.add(id);
        }),
    );
  };

  /** One that hangs gets its share of visitors all the same: it is killed, and if it is a worker, another one started. */
  const endHanging = async (): Promise<void> => {
    const present = peers.ids();
    const answers = await peers.askAll(processState, { method: "GET", path: "/state" });
    const nowMs = performance.now();
    for (const id of silent.keys()) if (!present.includes(id) || answers.has(id)) silent.delete(id);
    for (const id of present) {
      if (answers.has(id)) continue;
      const sinceMs = silent.get(id) ?? nowMs;
      silent.set(id, sinceMs);
      if (nowMs - sinceMs < patienceMs || !isLiving(id)) continue;
      log.error("an edge process lives but does not answer; it is killed", { id });
      process.kill(pidOf(id), "SIGKILL");
    }
  };

  const look = async (): Promise<void> => {
    const lead = leadOf(dir);
    if (lead.kind === "process" && lead.id === own) {
      deps.takeStock();
      forgetDead(dir);
      await retireOthers();
      await endHanging();
      return;
    }
    if (lead.kind === "process" && lead.living) return;
    if (lead.kind === "unknown") {
      const answers = await createEdgeClient(dir)
        .health()
        .then(
          () => true,
          (error: unknown) => isHanging(error),
        );
      if (answers) return;
    }
    log.warn("the process that took over is gone; this one goes on");
    takeLead(dir, own);
  };

  return {
    retireOthers,
    look() {
      if (busy) return;
      busy = true;
      look()
        .catch((error: unknown) => log.error("looking after the edge's processes failed", { error }))
        .finally(() => (busy = false));
    },
  };
};
