import type { Command } from "./command.ts";
import type { CommandEntry } from "./command-entry.ts";
import { commands } from "./commands.ts";
import { optionWords } from "./option-words.ts";
import { table } from "./text.ts";

const list = (entries: readonly CommandEntry[]): string =>
  table(entries.map((entry) => [`  ${entry.name}`, entry.summary]));

export const overview = (): string =>
  `Croft turns one server into a hosting platform for many small sites.

Usage: croft COMMAND …

${list(commands)}
croft help COMMAND explains one. Commands on a site take --environment E (default production). With --json a command prints one JSON document and nothing else.
CROFT_URL and CROFT_TOKEN say where and as whom; otherwise what croft login kept, or http://127.0.0.1:7300.
Exit status: 0 done, 1 refused or failed, 2 wrong usage.
`;

/** An option as a usage names it, with its short form and what it takes. */
const inUsage = /(?:-[a-z]\|)?(--[a-z][a-z-]*)(?:\[=[^\]]*\])?(?: (?!--|[|[\]])('[^']*'|[^\s\]]+))?/g;
/** Longer ones are told by their options' lines alone. */
const longestUsage = 100;

/** `croft NAME …` in one line. */
export const usageOf = ({ name, usage }: CommandEntry): string => {
  const whole = `croft ${name} ${usage}`.trimEnd();
  const options = usage.indexOf("[-");
  if (whole.length <= longestUsage || options < 0) return whole;
  const before = usage.slice(0, options).trimEnd();
  return `croft ${name} ${before} [OPTION …]`.replaceAll("  ", " ");
};

const optionLines = (entry: CommandEntry, takesWord: (option: string) => boolean): string => {
  const rows = [...entry.usage.matchAll(inUsage)].map(([whole, option = "", word]) => {
    const shown = word !== undefined && !takesWord(option) ? whole.slice(0, -word.length - 1) : whole;
    return [`  ${shown}`, optionWords(entry.name, option) ?? ""];
  });
  return rows.length === 0 ? "" : `\n${table(rows)}`;
};

/** @param options those that the command takes, which say whether a word belongs to them */
export const helpOfCommand = (entry: CommandEntry, options: Command["options"]): string =>
  `Usage: ${usageOf(entry)}\n\n${entry.summary[0]!.toUpperCase()}${entry.summary.slice(1)}.\n` +
  optionLines(entry, (option) => options[option.slice(2)]?.type === "string");

export const helpOfGroup = (entries: readonly CommandEntry[]): string =>
  `Usage:\n${entries.map((entry) => `  ${usageOf(entry)}`).join("\n")}\n`;
