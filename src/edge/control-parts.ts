import { z } from "zod";
import type { EdgeHealth } from "../domain/edge.ts";
import type { LoopWatch } from "./loop-watch.ts";
import type { MeterStore } from "./meter-store.ts";
import type { ProcessState } from "./processes/commands.ts";
import type { Peers } from "./processes/peers.ts";
import type { Edge } from "./state.ts";
import { routeTarget, type TableStore } from "./table-store.ts";
import type { CertificateStore } from "./tls/certificate-store.ts";

/** What the commands of the daemon and those of other processes have in common. */

export interface ControlDeps {
  edge: Edge;
  store: TableStore;
  certificates: CertificateStore;
  /** The edge's certificates are other ones now. */
  certificatesChanged: () => void;
  meters: MeterStore;
  peers: Peers;
  /** Answered once whoever served before knows. */
  health: () => Promise<EdgeHealth>;
  state: () => Omit<ProcessState, "challenges">;
  /** Whether the daemon's commands are for this process to pass on. */
  isLead: () => boolean;
  /** Begins the end of the process, and of the others if it is the lead; returns once nothing listens any more. */
  stop: () => Promise<void>;
  /** Begins to leave the address to others. @returns false unless `lead` is the lead */
  retire: (lead: string, deadlineMs: number) => boolean;
}

/** What is kept between commands. */
export interface Memory {
  challenges: unknown;
  /** Sums of meters being made: nothing may be folded meanwhile. */
  readings: number;
  watch: LoopWatch;
  /** Ends when the last table that was put is in force, or refused. */
  tables: Promise<unknown>;
}

export const drainRequest = z.strictObject({
  replicaIds: z.array(z.string()),
  deadlineMs: z.number().min(0).max(3_600_000),
});

export const refused = (status: number, error: string): Response => Response.json({ error }, { status });

export const targetChange = z.strictObject({
  version: z.int(),
  targets: z.record(z.string(), routeTarget),
});

/** What a process tells the lead: somebody has begun to wait at one of its routes. */
export const wantedNote = z.strictObject({ route: z.string() });

/** Counts that are not on the disk are told to nobody; what failed is in the log, each second. */
export const notStored = (error: unknown): Response =>
  refused(507, `what was counted could not be stored: ${(error as Error).message}`);

export const jsonResponse = (text: string): Response =>
  new Response(text, { headers: { "Content-Type": "application/json" } });

/** Undefined when it is not JSON. */
export const bodyOf = async (request: Request): Promise<unknown> => {
  try {
    return await request.json();
  } catch {
    return undefined;
  }
};
