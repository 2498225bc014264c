import type { CommandEntry } from "./command-entry.ts";
import { commands } from "./commands.ts";

/** The command that the words begin with, and what is left of them. */
export const findCommand = (
  words: readonly string[],
): { entry: CommandEntry; rest: readonly string[] } | null => {
  for (const length of [2, 1]) {
    const entry = commands.find((one) => one.name === words.slice(0, length).join(" "));
    if (entry) return { entry, rest: words.slice(entry.name.split(" ").length) };
  }
  return null;
};
