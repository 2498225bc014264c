import { z } from "zod";

/** Why a command ran: a person's one-off, a person's terminal, a scheduled job. */
export const runKinds = ["exec", "terminal", "job"] as const;
export type RunKind = (typeof runKinds)[number];

export const runStatuses = [
  "queued",
  "running",
  "succeeded",
  "failed",
  "timed_out",
  "cancelled",
  "skipped",
  "lost",
] as const;
export type RunStatus = (typeof runStatuses)[number];

/** What may follow what; nothing follows an end. `skipped` is how a run begins that never starts. */
const next: Record<RunStatus, readonly RunStatus[]> = {
  queued: ["running", "failed", "cancelled", "skipped", "lost"],
  running: ["succeeded", "failed", "timed_out", "cancelled", "lost"],
  succeeded: [],
  failed: [],
  timed_out: [],
  cancelled: [],
  skipped: [],
  lost: [],
};

export const isOpen = (status: RunStatus): boolean => next[status].length > 0;
export const mayFollow = (from: RunStatus, to: RunStatus): boolean => next[from].includes(to);

/** A row of `runs`; times in UTC milliseconds. */
export interface RunRecord {
  id: string;
  environmentId: string;
  kind: RunKind;
  jobId: string | null;
  /** The job's time that it is for; null when a person asked. */
  dueAt: number | null;
  /** JSON: the words of the command, secrets masked unless it is a job's. */
  command: string;
  timeoutSeconds: number;
  releaseId: string | null;
  /** Set when it ran inside a replica. */
  replicaId: string | null;
  status: RunStatus;
  /** For people: a user's name, or `schedule`. */
  askedBy: string;
  reason: string | null;
  exitCode: number | null;
  oomKilled: number;
  /** Of jobs alone: the last lines, secrets masked. */
  output: string | null;
  createdAt: number;
  startedAt: number | null;
  endedAt: number | null;
}

/** What the API answers. */
export interface RunView {
  id: string;
  kind: RunKind;
  /** Name of its job, null for what a person ran. */
  job: string | null;
  command: string[];
  status: RunStatus;
  askedBy: string;
  /** Whether it ran beside the app, inside a replica. */
  inReplica: boolean;
  release: string | null;
  dueAt: string | null;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
  durationMs: number | null;
  exitCode: number | null;
  oomKilled: boolean;
  /** One sentence: why it was skipped, ended early, or could not start. */
  reason: string | null;
  /** The last lines of a job's run; null for others. */
  output: string | null;
}

const maxWords = 200;
const maxChars = 8000;

/**
 * The words of a command, handed to the kernel as they are; a text is one line for the image's `/bin/sh`. NUL alone
 * cannot be in a word.
 */
export const commandSchema = z
  .union([z.string(), z.array(z.string())], {
    error: 'must be the words of a command, such as ["node", "tidy.js"], or one line for a shell',
  })
  .transform((given) => (typeof given === "string" ? ["/bin/sh", "-c", given] : given))
  .refine((words) => words.length > 0 && words.length <= maxWords && words[0] !== "", {
    error: `must be 1 to ${maxWords} words, the first of them a program`,
  })
  .refine((words) => words.at(-1)?.trim() !== "" || words[1] !== "-c", { error: "is empty" })
  .refine((words) => words.reduce((sum, word) => sum + word.length, 0) <= maxChars, {
    error: `must be at most ${maxChars.toLocaleString("en")} characters`,
  })
  .refine((words) => words.every((word) => !word.includes("\0")), { error: "must not hold a NUL character" });

/** The words as a person would type them: quoted where a shell would read them otherwise. For people alone. */
export const commandText = (words: readonly string[]): string =>
  words.length === 3 && words[0] === "/bin/sh" && words[1] === "-c"
    ? words[2]!
    : words
        .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))
        .join(" ");
