import { chmodSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startCroft, type TestCroft } from "../../src/testing/e2e/croft.ts";
import { withCleanUp } from "./clean-ups.ts";

const root = join(import.meta.dir, "..", "..");

/** A fresh binary, in a place of its own where the edge's user reaches it: what people run. */
export const buildBinary = async (): Promise<{ path: string; remove(): Promise<void> }> => {
  const build = Bun.spawn([join(root, "scripts", "build")], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const said = await new Response(build.stderr).text();
  if ((await build.exited) !== 0) throw new Error(`scripts/build: ${said}`);
  const dir = mkdtempSync("/var/tmp/croft-bench-");
  chmodSync(dir, 0o755);
  const path = join(dir, "croft");
  copyFileSync(join(root, "dist", "croft"), path);
  chmodSync(path, 0o755);
  return { path, remove: async () => rmSync(dir, { recursive: true, force: true }) };
};

/** An installation of the binary with a data directory, ports and networks of its own, gone afterwards. */
export const withCroft = async <T>(
  env: Record<string, string>,
  use: (croft: TestCroft, binary: string) => Promise<T>,
): Promise<T> => {
  const binary = await buildBinary();
  return withCleanUp(binary.remove, async () => {
    const croft = await startCroft(env, [binary.path]);
    return withCleanUp(croft.destroy, () => use(croft, binary.path));
  });
};
