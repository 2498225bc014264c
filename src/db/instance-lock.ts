import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { conflict } from "../errors.ts";

export interface InstanceLock {
  /** Idempotent. */
  release(): void;
}

/** Locks live as long as the process, not as long as somebody remembers them: a collected connection would unlock. */
const held = new Set<Database>();

/**
 * Holds a lock for as long as this process lives. It is SQLite's own exclusive file lock, which the kernel takes
 * back when the process dies, however it dies: there is no stale lock file to clean up after `kill -9`.
 * Child processes do not inherit it.
 * @throws AppError `conflict` with `message` when another process, or this one, holds it
 */
export const acquireInstanceLock = (
  path: string,
  message = "another croft daemon uses this data directory",
): InstanceLock => {
  mkdirSync(dirname(path), { recursive: true });
  const raw = new Database(path, { create: true, strict: true });
  try {
    raw.run("BEGIN EXCLUSIVE");
  } catch (error) {
    raw.close(true);
    if ((error as { code?: string }).code === "SQLITE_BUSY") throw conflict(message);
    throw error;
  }
  held.add(raw);
  return {
    release: () => {
      if (held.delete(raw)) raw.close(true);
    },
  };
};
