import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { PlanRequest } from "../build-plan.ts";

export type Files = Record<string, string>;

/** Temporary source folders and their end. */
export const sourceFolders = () => {
  const made: string[] = [];
  return {
    make(files: Files): string {
      const folder = mkdtempSync(join(tmpdir(), "croft-plan-"));
      made.push(folder);
      for (const [path, text] of Object.entries(files)) {
        const target = join(folder, path);
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, text);
        if (path.endsWith(".sh")) chmodSync(target, 0o755);
      }
      return folder;
    },
    removeAll() {
      for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** A site that says nothing, less what is given. */
export const siteOf = (fields: Partial<PlanRequest["site"]> = {}): PlanRequest["site"] => ({
  type: "auto",
  rootDirectory: "",
  buildCommand: null,
  startCommand: null,
  port: null,
  ...fields,
});

/** The message of what a promise is rejected with. */
export const messageOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it was not rejected");
};
