import type { AppLogLine, AppLogView } from "../domain/app-log.ts";
import { compileFilter, type LogFilter } from "./filter.ts";
import type { LogStore } from "./log-store.ts";
import { backwards, type Found, forwards, type Step } from "./scan.ts";
import { parsePlace, type Place, placeText } from "./segment.ts";

/** How many parts of a log, a megabyte each when unpacked, are looked through for one page. */
const partsPerPage = 128;
/** Read for one page at most, whatever was asked for. */
const pageChars = 4_000_000;

export interface LogPage {
  /** Oldest first, whichever end the page was taken from. */
  items: AppLogView[];
  /** Where the search goes on, with the same filter and order; null when there is nothing more. */
  next: string | null;
  /** False when the search was ended early: the log may hold more that matches, also where nothing was found. */
  whole: boolean;
  /** The log's end when it was read: following goes on there. */
  end: string;
}

export interface PageQuery extends LogFilter {
  /** Which end the page is taken from. */
  order: "newest" | "oldest";
  limit: number;
  /** `next` of the page before. */
  cursor?: string;
}

export const logView = (line: AppLogLine, behind: Place | null): AppLogView => {
  const { atMs, ...rest } = line;
  return { at: new Date(atMs).toISOString(), ...rest, cursor: behind && placeText(behind) };
};

const isFound = (step: Step): step is Found => "line" in step;

/** A page of what is stored and matches. Holds one part of the log in memory at a time. */
export const readPage = async (
  store: LogStore,
  environmentId: string,
  query: PageQuery,
): Promise<LogPage> => {
  const log = await store.of(environmentId);
  const filter = compileFilter(query);
  const end = placeText(log.end());
  const from = query.cursor === undefined ? null : parsePlace(query.cursor);
  const newest = query.order === "newest";
  const found: Found[] = [];
  let chars = 0;
  let parts = 0;
  let next: Place | null = null;
  let whole = true;
  for await (const step of newest ? backwards(log, from, filter) : forwards(log, from, filter)) {
    if (isFound(step)) {
      found.push(step);
      chars += step.line.text.length;
      next = newest ? step.start : step.end;
      if (found.length >= query.limit || chars > pageChars) break;
      continue;
    }
    next = step.at;
    if (++parts < partsPerPage) continue;
    whole = false;
    break;
  }
  const full = found.length >= query.limit || chars > pageChars;
  if (newest) found.reverse();
  return {
    items: found.map((one) => logView(one.line, one.end)),
    next: next !== null && (full || !whole) ? placeText(next) : null,
    whole,
    end,
  };
};

/** All that matches, oldest first, as it is asked for; null now and then, when nothing was found for a while. */
export const readAll = async function* (
  store: LogStore,
  environmentId: string,
  filter: LogFilter,
): AsyncGenerator<AppLogLine | null> {
  const log = await store.of(environmentId);
  for await (const step of forwards(log, null, compileFilter(filter))) yield isFound(step) ? step.line : null;
};

/**
 * What matches behind a place, oldest first, each with the place behind it; then null with the place where reading goes
 * on. A place that is gone goes on with the oldest line left.
 */
export const readAfter = async function* (
  store: LogStore,
  environmentId: string,
  from: string,
  filter: LogFilter,
): AsyncGenerator<{ line: AppLogLine | null; place: string }> {
  const log = await store.of(environmentId);
  for await (const step of forwards(log, parsePlace(from), compileFilter(filter)))
    yield isFound(step)
      ? { line: step.line, place: placeText(step.end) }
      : { line: null, place: placeText(step.at) };
};
