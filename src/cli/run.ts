import { parseArgs } from "node:util";
import type { AppError } from "../errors.ts";
import type { ApiError } from "./client.ts";
import { type Command, type Context, type Environment, globalOptions, type HostBackup } from "./command.ts";
import type { CommandEntry } from "./command-entry.ts";
import { commands } from "./commands.ts";
import { findCommand } from "./find-command.ts";
import { helpOfCommand, helpOfGroup, overview, usageOf } from "./help.ts";
import type { Io } from "./io.ts";
import { UsageError } from "./usage-error.ts";

/** What the program hands to the command line besides arguments and environment. */
export interface CliParts {
  /** Default: the process's own. */
  io?: Io;
  /** For the commands that work on this host's files; loaded when one of them runs. */
  hostBackup?(): Promise<HostBackup>;
}

const createContext = (env: Environment, io: Io, json: boolean, parts: CliParts): Context => ({
  io,
  env,
  json,
  client: async () => {
    const [{ readConnection }, { createClient }] = await Promise.all([
      import("./connection.ts"),
      import("./client.ts"),
    ]);
    return createClient({ ...(await readConnection(env)), signal: io.signal });
  },
  hostBackup: async () => {
    if (parts.hostBackup) return parts.hostBackup();
    const { AppError } = await import("../errors.ts");
    throw new AppError("unavailable", "this program cannot work on the host's own files");
  },
  print: (value, text) => io.out(json ? JSON.stringify(value, null, 2) + "\n" : text()),
});

const parse = (entry: CommandEntry, command: Command, args: string[]) => {
  // `--wait` may stand alone or carry a value, which parseArgs does not know.
  const prepared = args.map((arg) =>
    arg === "--wait" && command.options.wait?.type === "string" ? "--wait=success" : arg,
  );
  let parsed;
  try {
    const options = { ...command.options, ...globalOptions };
    parsed = parseArgs({
      args: prepared,
      options,
      strict: true,
      allowPositionals: true,
      allowNegative: true,
    });
  } catch (error) {
    const [first] = (error as Error).message.split(/\.? *\n|\. /);
    throw new UsageError(
      first!.replace(
        /^Option '(.+)' argument is ambiguous$/,
        "what follows $1 begins with -; write $1=VALUE",
      ),
    );
  }
  const [min, max] = command.words;
  if ((parsed.values as { help?: boolean }).help !== true && parsed.positionals.length < min)
    throw new UsageError("something is missing");
  if (parsed.positionals.length > max)
    throw new UsageError(`unexpected ${JSON.stringify(parsed.positionals[max])}`);
  return { words: parsed.positionals, flags: parsed.values as Record<string, unknown> };
};

const runCommand = async (
  entry: CommandEntry,
  args: string[],
  env: Environment,
  io: Io,
  parts: CliParts,
): Promise<number> => {
  // What stands behind -- belongs to another program.
  const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  const json = own.includes("--json");
  try {
    const command = await entry.load();
    const { words, flags } = parse(entry, command, args);
    if (flags.help === true) {
      io.out(helpOfCommand(entry, command.options));
      return 0;
    }
    return (await command.run(createContext(env, io, json, parts), words, flags as never)) ?? 0;
  } catch (error) {
    return reportError(error, entry, json, io, env);
  }
};

/** What went wrong, for people on stderr, with --json also as the one document on stdout. */
const reportError = (
  error: unknown,
  entry: CommandEntry,
  json: boolean,
  io: Io,
  env: Environment,
): number => {
  if (io.signal.aborted || (error instanceof Error && error.name === "AbortError")) return 130;
  if (error instanceof UsageError) {
    const more = usageOf(entry).endsWith("[OPTION …]") ? `croft help ${entry.name} lists the options\n` : "";
    io.err(`croft ${entry.name}: ${error.message}\nUsage: ${usageOf(entry)}\n${more}`);
    return 2;
  }
  const name = error instanceof Error ? error.name : "";
  const message = error instanceof Error ? error.message : String(error);
  const known = name === "ApiError" || name === "AppError";
  const code = known ? (error as ApiError | AppError).code : "internal";
  const fields =
    name === "ApiError" ? (error as ApiError).errors : name === "AppError" ? (error as AppError).fields : [];
  io.err(`croft: ${message}\n`);
  if (!known && env.CROFT_LOG === "debug" && error instanceof Error) io.err(`${error.stack}\n`);
  if (json) io.out(JSON.stringify({ error: { code, message, errors: fields } }, null, 2) + "\n");
  return 1;
};

/**
 * Runs one command of the command line.
 * @returns the exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 stopped by the person
 */
export const runCli = async (
  argv: readonly string[],
  env: Environment,
  parts: CliParts = {},
): Promise<number> => {
  const io = parts.io ?? (await import("./io.ts")).processIo();
  const first = argv[0];
  if (
    first === undefined ||
    first === "--help" ||
    first === "-h" ||
    (first === "help" && argv.length === 1)
  ) {
    (first === undefined ? io.err : io.out)(overview());
    return first === undefined ? 2 : 0;
  }
  if (first === "--version" || first === "-v") return runCli(["version", ...argv.slice(1)], env, parts);
  const asksHelp = first === "help";
  const words = asksHelp ? argv.slice(1) : argv;
  const found = findCommand(words);
  if (found) {
    if (asksHelp) {
      io.out(helpOfCommand(found.entry, (await found.entry.load()).options));
      return 0;
    }
    return runCommand(found.entry, [...found.rest], env, io, parts);
  }
  const group = commands.filter((entry) => entry.name.startsWith(`${words[0]} `));
  if (group.length > 0) {
    const wanted = words[1] !== undefined && !words[1].startsWith("-") ? words[1] : null;
    if (wanted !== null && !asksHelp)
      io.err(`croft ${words[0]}: there is no command ${JSON.stringify(wanted)}\n`);
    const help = asksHelp || (wanted === null && (words.includes("--help") || words.includes("-h")));
    (help ? io.out : io.err)(helpOfGroup(group));
    return help ? 0 : 2;
  }
  io.err(`croft: there is no command ${JSON.stringify(words[0])}; croft help lists them\n`);
  return 2;
};
