import { existsSync } from "node:fs";
import { runCommand } from "./run-command.ts";

/**
 * The parent of all builds' slices, beside system.slice. An underscore: each dash of a slice's name is a level
 * (systemd.slice(5)).
 */
export const buildsSlice = "croft_build";
const commandDeadlineMs = 10_000;

const systemctl = async (...words: string[]): Promise<void> => {
  const done = await runCommand(["systemctl", ...words], { deadlineMs: commandDeadlineMs });
  if (done?.exitCode !== 0)
    throw new Error(`systemctl ${words[0]}: ${done?.stderr.trim() ?? "is not there"}`);
};

/** sd_booted(3): whether this machine's own systemd can be asked for slices. */
export const hasSystemd = (): boolean => existsSync("/run/systemd/system");

/**
 * Where Docker leaves groups to systemd, one slice for a build: `TasksMax` holds all that it starts. None of it is
 * written anywhere that outlives the machine's next start.
 * @param weight `CPUWeight` of all builds together, 100 being that of all services (systemd.resource-control(5))
 * @returns its name for `cgroupparent`, and what ends it
 * @throws Error when systemd refuses
 */
export const openBuildSlice = async ({
  pids,
  weight,
}: {
  pids: number;
  weight: number;
}): Promise<{ name: string; close(): Promise<void> }> => {
  const name = `${buildsSlice}-${crypto.randomUUID().replaceAll("-", "")}.slice`;
  await systemctl("set-property", "--runtime", `${buildsSlice}.slice`, `CPUWeight=${weight}`);
  await systemctl("set-property", "--runtime", name, `TasksMax=${pids}`);
  return {
    name,
    async close() {
      await systemctl("stop", name);
      // Takes back what `set-property` wrote below /run.
      await systemctl("revert", name);
    },
  };
};
