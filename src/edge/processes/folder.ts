import { linkSync, readdirSync, renameSync, rmSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { isLiving, isProcessId, type ProcessId } from "./identity.ts";

/**
 * What edge processes have in their common folder: each a control socket of its own, and one of them, the lead, the
 * name that the daemon speaks to. That name is a second link to the lead's socket, so that it passes from one process
 * to the next by a rename: at no moment is there none, or two.
 */

export const socketOf = (dir: string, id: ProcessId): string => join(dir, `edge-${id}.sock`);

/** Where the daemon speaks to the edge. */
export const leadSocket = (dir: string): string => join(dir, "edge.sock");

/** All processes with a socket in the folder, dead ones too. */
export const processesIn = (dir: string): ProcessId[] =>
  namesIn(dir)
    .filter((name) => name.startsWith("edge-") && name.endsWith(".sock"))
    .map((name) => name.slice("edge-".length, -".sock".length))
    .filter(isProcessId);

/** Empty when the folder is gone. */
export const namesIn = (dir: string): string[] => {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
};

/** Makes this process the lead. */
export const takeLead = (dir: string, id: ProcessId): void => {
  const beside = join(dir, `lead-${id}.sock`);
  rmSync(beside, { force: true });
  linkSync(socketOf(dir, id), beside);
  renameSync(beside, leadSocket(dir));
  // A rename between two names of one file leaves both.
  rmSync(beside, { force: true });
};

export type Lead =
  { kind: "none" } | { kind: "process"; id: ProcessId; living: boolean } | { kind: "unknown" };

/** Who is the lead; `unknown` when the socket belongs to none of the folder's processes. */
export const leadOf = (dir: string): Lead => {
  const lead = statOf(leadSocket(dir));
  if (lead === null) return { kind: "none" };
  for (const id of processesIn(dir)) {
    const own = statOf(socketOf(dir, id));
    if (own?.ino === lead.ino && own.dev === lead.dev) return { kind: "process", id, living: isLiving(id) };
  }
  return { kind: "unknown" };
};

/** Null when it is not there, or cannot be got at. */
const statOf = (path: string): Stats | null => {
  try {
    return statSync(path);
  } catch {
    return null;
  }
};

export const isLead = (dir: string, id: ProcessId): boolean => {
  const lead = leadOf(dir);
  return lead.kind === "process" && lead.id === id;
};

/** Ends being the lead, without another one. */
export const leaveLead = (dir: string, id: ProcessId): void => {
  if (isLead(dir, id)) rmSync(leadSocket(dir), { force: true });
};

/** Removes this process's names. */
export const leaveFolder = (dir: string, id: ProcessId): void => {
  leaveLead(dir, id);
  rmSync(socketOf(dir, id), { force: true });
};

/** Removes sockets of processes that are gone. */
export const forgetDead = (dir: string): void => {
  for (const id of processesIn(dir)) if (!isLiving(id)) rmSync(socketOf(dir, id), { force: true });
};
