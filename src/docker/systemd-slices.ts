import { existsSync } from "node:fs";
import { runCommand } from "./run-command.ts";

const commandDeadlineMs = 10_000;

const systemctl = async (...words: string[]): Promise<void> => {
  const done = await runCommand(["systemctl", ...words], { deadlineMs: commandDeadlineMs });
  if (done?.exitCode !== 0)
    throw new Error(`systemctl ${words[0]}: ${done?.stderr.trim() ?? "is not there"}`);
};

/** sd_booted(3): whether this machine's own systemd can be asked for slices. */
export const hasSystemd = (): boolean => existsSync("/run/systemd/system");

/**
 * Gives a slice these properties (systemd.resource-control(5)), whether it is there already or not. None of it is
 * written anywhere that outlives the machine's next start.
 * @throws Error when systemd refuses
 */
export const setSlice = (name: string, properties: readonly string[]): Promise<void> =>
  systemctl("set-property", "--runtime", name, ...properties);

/** Otherwise it is there from its first container on. */
export const startSlice = (name: string): Promise<void> => systemctl("start", name);

/** Ends all that runs in it. */
export const endSlice = async (name: string): Promise<void> => {
  await systemctl("stop", name);
  // Takes back what `set-property` wrote below /run.
  await systemctl("revert", name);
};
