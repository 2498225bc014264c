import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "../errors.ts";
import { acquireInstanceLock } from "./instance-lock.ts";

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-lock-"));
  path = join(dir, "run", "daemon.lock");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const refusal = (run: () => unknown): AppError => {
  try {
    run();
  } catch (error) {
    return error as AppError;
  }
  throw new Error("was not refused");
};

/** Another process that takes the lock, says so and holds it until it is killed. */
const holder = async (): Promise<{ kill(signal: NodeJS.Signals): Promise<void> }> => {
  const module = join(import.meta.dir, "instance-lock.ts");
  const child = Bun.spawn(
    [
      process.execPath,
      "-e",
      `const { acquireInstanceLock } = await import(${JSON.stringify(module)});
       globalThis.lock = acquireInstanceLock(${JSON.stringify(path)});
       console.log("held");
       setInterval(() => {}, 1000);`,
    ],
    { stdout: "pipe", stderr: "inherit" },
  );
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  expect(new TextDecoder().decode(value)).toContain("held");
  return {
    kill: async (signal) => {
      child.kill(signal);
      await child.exited;
    },
  };
};

test("the lock is held once, by one process, and free again after release", () => {
  const lock = acquireInstanceLock(path);
  const error = refusal(() => acquireInstanceLock(path));
  expect(error).toBeInstanceOf(AppError);
  expect(error.code).toBe("conflict");
  expect(error.publicMessage).toBe("another croft daemon uses this data directory");
  lock.release();
  lock.release();
  acquireInstanceLock(path).release();
});

test("another process holds it off; kill -9 frees it at once", async () => {
  const other = await holder();
  try {
    expect(refusal(() => acquireInstanceLock(path, "in use")).publicMessage).toBe("in use");
  } finally {
    await other.kill("SIGKILL");
  }
  acquireInstanceLock(path).release();
});

test("a child that outlives its parent does not keep the parent's lock", async () => {
  const lock = acquireInstanceLock(path);
  const child = Bun.spawn(["sleep", "30"]);
  try {
    lock.release();
    acquireInstanceLock(path).release();
  } finally {
    child.kill();
    await child.exited;
  }
});
