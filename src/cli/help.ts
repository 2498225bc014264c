import type { CommandEntry } from "./commands.ts";
import { commands } from "./commands.ts";
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

export const helpOfCommand = (entry: CommandEntry): string =>
  `Usage: croft ${entry.name} ${entry.usage}`.trimEnd() +
  `\n\n${entry.summary[0]!.toUpperCase()}${entry.summary.slice(1)}.\n`;

export const helpOfGroup = (entries: readonly CommandEntry[]): string =>
  `Usage:\n${entries.map((entry) => `  croft ${entry.name} ${entry.usage}`.trimEnd()).join("\n")}\n`;
