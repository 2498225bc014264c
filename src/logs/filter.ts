import type { AppLogLine } from "../domain/app-log.ts";
import { type LogLevel, logLevels } from "../domain/deployment.ts";

/** What is looked for; nothing of it is a pattern. */
export interface LogFilter {
  sinceMs?: number;
  untilMs?: number;
  /** Part of the text. */
  search?: string;
  caseSensitive?: boolean;
  /** This level or a higher one. */
  level?: LogLevel;
  stream?: AppLogLine["stream"];
  process?: string;
  replica?: string;
  release?: number;
}

export interface CompiledFilter {
  /** From a line's head alone: false where it cannot match. */
  mayMatch(head: { atMs: number; level: number }): boolean;
  matches(line: AppLogLine): boolean;
  /** What stands in the stored form of every line that matches; null where nothing so simple does. */
  needle: { text: string; lowerCase: boolean } | null;
  sinceMs: number;
  untilMs: number;
}

export const compileFilter = (filter: LogFilter): CompiledFilter => {
  const { sinceMs = 0, untilMs = Number.MAX_SAFE_INTEGER, search = "", caseSensitive = false } = filter;
  const least = filter.level === undefined ? 0 : logLevels.indexOf(filter.level);
  const wanted = caseSensitive ? search : search.toLowerCase();
  // Stored as JSON writes it. Only of ASCII upper and lower case can be told apart byte by byte.
  const stored = JSON.stringify(wanted).slice(1, -1);
  const isAscii = /^[\x00-\x7f]*$/.test(stored);
  return {
    sinceMs,
    untilMs,
    needle:
      search === "" || (!caseSensitive && !isAscii) ? null : { text: stored, lowerCase: !caseSensitive },
    mayMatch: ({ atMs, level }) => atMs >= sinceMs && atMs <= untilMs && level >= least,
    matches: (line) =>
      line.atMs >= sinceMs &&
      line.atMs <= untilMs &&
      logLevels.indexOf(line.level) >= least &&
      (filter.stream === undefined || line.stream === filter.stream) &&
      (filter.process === undefined || line.process === filter.process) &&
      (filter.replica === undefined || line.replica === filter.replica) &&
      (filter.release === undefined || line.release === filter.release) &&
      (wanted === "" || (caseSensitive ? line.text : line.text.toLowerCase()).includes(wanted)),
  };
};
