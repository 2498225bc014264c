import type { ParseArgsConfig, parseArgs } from "node:util";
import type { Restored, RestoreOptions } from "../backup/restore-backup.ts";
import type { BackupView } from "../backup/view.ts";
import type { Client } from "./client.ts";
import type { Io } from "./io.ts";

type ParseArgsOptionsConfig = NonNullable<ParseArgsConfig["options"]>;

export type Environment = Record<string, string | undefined>;

/** Backups on this machine's own disk, with the daemon stopped or not to be reached. */
export interface HostBackup {
  list(): Promise<BackupView[]>;
  /** By path, name or id. */
  verify(which: string): Promise<BackupView>;
  restore(options: RestoreOptions): Promise<Restored>;
}

export interface Context {
  io: Io;
  env: Environment;
  json: boolean;
  /** Made at the first call: commands that need no daemon never look for one. */
  client(): Promise<Client>;
  /** @throws AppError `unavailable` in a program that was not built with it */
  hostBackup(): Promise<HostBackup>;
  /** The command's result: `value` as the one JSON document with --json, else the text. */
  print(value: unknown, text: () => string): void;
}

export const globalOptions = {
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  environment: { type: "string" },
} as const satisfies ParseArgsOptionsConfig;

type Flags<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: Options & typeof globalOptions; strict: true }>
>["values"];

export interface Command {
  options: ParseArgsOptionsConfig;
  /** How many words may stand beside the options. */
  words: readonly [min: number, max: number];
  /** Exit status; nothing means 0. */
  run(context: Context, words: string[], flags: never): Promise<number | void>;
}

/** Ties the types of a command's flags to its options. */
export const defineCommand = <const Options extends ParseArgsOptionsConfig>(command: {
  options: Options;
  words: readonly [min: number, max: number];
  run(context: Context, words: string[], flags: Flags<Options>): Promise<number | void>;
}): Command => command as unknown as Command;
