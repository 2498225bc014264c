import { readFileSync } from "node:fs";

/**
 * Names one process for ever: number, start time in the kernel's ticks, and the boot it belongs to (proc(5)). A
 * number alone may belong to another process by now.
 */
export type ProcessId = string;

/** @returns null when there is no such process, or only its remains (a zombie) */
export const processIdOf = (pid: number | "self"): ProcessId | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name before may hold anything, parentheses and spaces too.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return null;
    return `${Number.parseInt(stat, 10)}-${fields[19]}-${bootOf()}`;
  } catch {
    return null;
  }
};

const bootOf = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8);

const shape = /^(\d+)-\d+-[0-9a-f]{8}$/;

export const isProcessId = (text: string): boolean => shape.test(text);

export const pidOf = (id: ProcessId): number => Number.parseInt(id, 10);

export const isLiving = (id: ProcessId): boolean => processIdOf(pidOf(id)) === id;
