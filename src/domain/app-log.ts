import type { LogLevel } from "./deployment.ts";

/** `croft`: not the app's own words, such as how many of its lines were not kept. */
export const logStreams = ["stdout", "stderr", "croft"] as const;
export type LogStream = (typeof logStreams)[number];

/** One line that a site's containers printed. */
export interface AppLogLine {
  /** When it was printed, UTC milliseconds. */
  atMs: number;
  stream: LogStream;
  /** As guessed from the text; see `guessLevel`. */
  level: LogLevel;
  replica: string;
  /** Number of the release; null where none is known. */
  release: number | null;
  /** `web`, or the name of another process of the environment. */
  process: string;
  /** Without end of line; may hold escape sequences and control characters. */
  text: string;
  /** The line went on; the rest is not kept. */
  cut: boolean;
}

/** What the API answers of a line. */
export interface AppLogView extends Omit<AppLogLine, "atMs"> {
  at: string;
  /** The place behind the line: reading can go on there. Null for what is not stored. */
  cursor: string | null;
}

/** A container whose output is kept, and what its lines are marked with. */
export interface LogSource {
  /** Of a replica, or of a run of a job. Its container may be replaced by another one. */
  replicaId: string;
  /** Null where only the engine knows. */
  containerId: string | null;
  environmentId: string;
  release: number | null;
  process: string;
  /** Same value, same secrets: they are asked for once per value. */
  secretsOf: string;
}

/** A line as the engine keeps it, before anything is known of it. */
export interface OutputLine {
  atMs: number;
  stream: "stdout" | "stderr";
  text: string;
  cut: boolean;
  /** Behind this line; of the reader that gave it. */
  position: () => string;
}

/** Reads what one container printed, from a position on. */
export interface OutputReader {
  /** Cheap: whether there may be more to read. */
  changed(): boolean;
  /** Bytes not read yet, as far as they are still there. */
  backlogBytes(): number;
  /** The next lines; `more` when this was not all. Reads about `maxBytes`. */
  read(maxBytes: number): Promise<{ lines: OutputLine[]; more: boolean }>;
  /** Passes over all but about the last `keepBytes`. @returns how many lines; an estimate where they were not counted */
  skip(keepBytes: number): Promise<number>;
  /** Once: whether the engine let go of lines before they were read. */
  takeLost(): boolean;
  /** Where it is now. */
  position(): string;
  close(): Promise<void>;
}

/** Where the engine keeps what containers print. */
export interface ContainerOutputs {
  /** Whether it can be read here: an engine on this machine, and the right to look into its files. */
  readable(): Promise<boolean>;
  /** The container of a replica or run; null when there is none. */
  containerOf(replicaId: string): Promise<string | null>;
  /** @param position of an earlier reader; null from the first line on. Null while there is no file. */
  open(containerId: string, position: string | null): Promise<OutputReader | null>;
}
