import type { ReplicaSpec } from "./engine.ts";

export interface TerminalSize {
  columns: number;
  rows: number;
}

export type OutputName = "stdout" | "stderr";

/** While what it returned is pending, nothing more is read. With a terminal everything comes as stdout. */
export type OnOutput = (name: OutputName, bytes: Uint8Array) => unknown;

/** How a command is run: in both kinds of place. */
export interface CommandSpec {
  runId: string;
  /** As it is handed to the kernel; no shell reads it. */
  argv: string[];
  /** Null runs it without a terminal, stdout and stderr apart. */
  terminal: TerminalSize | null;
  /** Whether `write` will be used; otherwise its standard input is empty. */
  stdin: boolean;
}

/** A command in a container of its own. */
export interface OneOffSpec extends CommandSpec {
  /** What a replica of the same release would run with; its id, name, role and start command don't count. */
  base: ReplicaSpec;
  /** One-offs of one group together get no more than the limits of `base`, where the engine can hold that. */
  group: string;
  /** Whether the engine keeps the output, so that a later daemon can go on following. */
  keepOutput: boolean;
}

export interface CommandEnd {
  /** Null when it cannot be known: the container was removed by others. */
  exitCode: number | null;
  oomKilled: boolean;
  /** Null when it cannot be known. */
  endedAtMs: number | null;
}

/** What `Engine.readings` calls a group of one-offs: their use is metered together, beside the replicas'. */
export const oneOffMeter = (group: string): string => `one-offs-of-${group}`;

/** What one of them uses now; counters grow for as long as it runs. Null where it cannot be told. */
export interface OneOffUse {
  runId: string;
  cpuNanos: number;
  memoryBytes: number;
  pids: number | null;
  writtenBytes: number | null;
  loggedBytes: number | null;
}

/** A command that was started. */
export interface CommandProcess {
  /** Bytes for its standard input; resolves once they are on their way. What comes after the end is dropped. */
  write(bytes: Uint8Array): Promise<void>;
  endInput(): void;
  /** Does nothing without a terminal, or once it has ended. */
  resize(size: TerminalSize): Promise<void>;
  /** Asks it to end, and ends it after the grace. Resolves when nothing of it runs any more. Idempotent. */
  kill(graceSeconds: number): Promise<void>;
  /** When it has ended and all of its output was handed over. Never rejects. */
  ended: Promise<CommandEnd>;
}

/** The part of an engine that runs commands for people and jobs. Deadlines and errors as in `Engine`. */
export interface CommandEngine {
  /**
   * Creates and starts a container for one command, labelled with the role `helper`. It stays until
   * `removeOneOff`, since its exit status lives in it. `deploy_failed` when it does not start.
   */
  startOneOff(spec: OneOffSpec, onOutput: OnOutput): Promise<CommandProcess>;
  /** Goes on with one that an earlier daemon started with `keepOutput`, output from its beginning; null when it is gone. */
  followOneOff(runId: string, onOutput: OnOutput): Promise<CommandProcess | null>;
  /** Freezes it, or lets it go on. Idempotent; nothing when it does not run. */
  holdOneOff(runId: string, held: boolean): Promise<void>;
  /** Kills it if needed. Idempotent. */
  removeOneOff(runId: string): Promise<void>;
  /** Of all there are, running or not, of whatever installation. */
  listOneOffs(): Promise<string[]>;
  /** Of those that run. @param byProcesses also what they write, which costs more to know */
  usesOfOneOffs(byProcesses: boolean): Promise<OneOffUse[]>;
  /**
   * Runs a command beside the app inside a running replica. When it ends, or `kill` is called, what it left
   * running ends too. `not_found` when the replica does not run, `conflict` where this daemon could not end it.
   */
  execInReplica(replicaId: string, spec: CommandSpec, onOutput: OnOutput): Promise<CommandProcess>;
  /** Ends what an earlier daemon's command left inside a replica. Idempotent. */
  endInReplica(replicaId: string, runId: string): Promise<void>;
}
