import { AppError } from "../../errors.ts";
import { createEdgeClient, isHanging } from "../client.ts";
import type { EdgeSettings } from "../edge-arguments.ts";
import { portOf, refuseTaken } from "../listening.ts";
import { processState, type ProcessState } from "./commands.ts";
import type { ProcessId } from "./identity.ts";
import type { Peers } from "./peers.ts";

/**
 * Asks, before a process begins, who serves on the folder already.
 * @returns whose place it takes, for a worker its lead; undefined when nobody is there
 * @throws AppError `conflict` when another edge runs on the folder and is not to be replaced, or the lead is of another
 *   build, `unavailable` when an address is somebody else's or the lead is gone
 */
export const whoIsThere = async (settings: EdgeSettings, peers: Peers): Promise<Present | undefined> => {
  const { workerOf } = settings;
  if (workerOf === null && !settings.takeOver) await refuseSecond(settings.dir);
  const others = await peers.askAll(processState, { method: "GET", path: "/state" });
  if (workerOf === null) {
    await refuseOthersAddresses(settings, others);
    return presentOf(others);
  }
  const lead = others.get(workerOf);
  if (lead === undefined) throw new AppError("unavailable", "the process that started it is gone");
  if (lead.version !== settings.version)
    throw new AppError("conflict", `it is of another build than ${lead.version}`);
  return { id: workerOf, ...lead };
};

export type Present = ProcessState & { id: ProcessId };

/** Whose place is taken: the lead, or whoever is left of an edge whose lead has died. */
const presentOf = (others: ReadonlyMap<ProcessId, ProcessState>): Present | undefined => {
  const all = [...others].map(([id, state]) => ({ id, ...state }));
  return all.find(({ role }) => role === "lead") ?? all[0];
};

/** Addresses of the edge's own processes are shared; any other must be free. */
const refuseOthersAddresses = async (
  { listen, listenTls }: EdgeSettings,
  others: ReadonlyMap<ProcessId, ProcessState>,
): Promise<void> => {
  const shared = new Set([...others.values()].flatMap(({ listening }) => listening.map(portOf)));
  for (const address of [...listen, ...listenTls]) if (!shared.has(address.port)) await refuseTaken(address);
};

/** A socket that answers belongs to a running edge; one that does not was left behind and is replaced. */
const refuseSecond = async (dir: string): Promise<void> => {
  const running = await createEdgeClient(dir)
    .health()
    .catch((error: unknown) => {
      if (isHanging(error)) throw error;
      return null;
    });
  if (running !== null)
    throw new AppError("conflict", `an edge (process ${running.pid}) already runs on ${dir}; stop it first`);
};
