import type { Command } from "./command.ts";

export interface CommandEntry {
  /** As typed: one word, or a noun and a verb. */
  name: string;
  /** What follows the name; help and completion read the options from it. */
  usage: string;
  summary: string;
  /** Loaded only when it runs: the command line starts in the time of its smallest command. */
  load(): Promise<Command>;
}

/** Options of a command, with their dashes, as its usage names them. */
export const optionsOf = (entry: CommandEntry): string[] => [
  ...new Set(`${entry.usage} --json --help`.match(/--[a-z][a-z-]*/g)),
];
