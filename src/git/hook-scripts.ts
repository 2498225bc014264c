import { chmod, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../errors.ts";
import type { HookName } from "./hook-protocol.ts";

/**
 * Git wants an executable file for a hook. Its text is fixed: the command comes through the environment, so that
 * nothing is ever quoted for a shell. `ulimit` lifts the address space limit that is meant for git alone; the
 * working directory must not be the repository, where Bun would look for settings.
 */
const script = (name: HookName) => `#!/bin/sh
ulimit -S -v unlimited 2>/dev/null
cd /
exec "$CROFT_HOOK_0" \${CROFT_HOOK_1+"$CROFT_HOOK_1"} \${CROFT_HOOK_2+"$CROFT_HOOK_2"} git-hook ${name}
`;

/** Writes the hooks into `folder`, each at once or not at all. Idempotent. */
export const writeHookScripts = async (folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of ["pre-receive", "post-receive"] as const) {
    const path = join(folder, name);
    const fresh = `${path}.${process.pid}`;
    await Bun.write(fresh, script(name));
    await chmod(fresh, 0o700);
    await rename(fresh, path);
  }
};

/**
 * The environment that tells the scripts how to start Croft.
 * @param command absolute program and at most two arguments, such as `["/usr/local/bin/croft"]`
 */
export const hookCommandEnv = (command: readonly string[]): Record<string, string> => {
  if (command.length < 1 || command.length > 3 || !command[0]!.startsWith("/"))
    throw new AppError("internal", "the hook command must be an absolute program and at most two arguments");
  return Object.fromEntries(command.map((part, index) => [`CROFT_HOOK_${index}`, part]));
};
