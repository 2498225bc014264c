import type { AppLogLine } from "../domain/app-log.ts";
import type { CompiledFilter } from "./filter.ts";
import { headOf, parseLine } from "./line-format.ts";
import type { Place, Segment } from "./segment.ts";
import type { SiteLog } from "./site-log.ts";

export interface Found {
  line: AppLogLine;
  /** Before and behind the line. */
  start: Place;
  end: Place;
}

const LF = 10;

/** The stored form of the text looked for, found from a place on in one direction; -1 where there is none. */
const finder = (bytes: Buffer, { needle }: CompiledFilter) => {
  if (needle === null) return null;
  if (!needle.lowerCase) {
    const wanted = Buffer.from(needle.text);
    return {
      next: (from: number) => bytes.indexOf(wanted, from),
      last: (to: number) => (to < 0 ? -1 : bytes.lastIndexOf(wanted, to)),
    };
  }
  // Byte for byte, so that places stay the same.
  const lowered = bytes.toString("latin1").toLowerCase();
  return {
    next: (from: number) => lowered.indexOf(needle.text, from),
    last: (to: number) => (to < 0 ? -1 : lowered.lastIndexOf(needle.text, to)),
  };
};

const lineAt = (bytes: Buffer, start: number, end: number, filter: CompiledFilter): AppLogLine | null => {
  const head = headOf(bytes, start);
  if (head === null || !filter.mayMatch(head)) return null;
  const line = parseLine(bytes.toString("utf8", start, end));
  return line && filter.matches(line) ? line : null;
};

/** Where the line that holds this byte begins, and where it ends. */
const startOf = (bytes: Buffer, at: number): number => (at <= 0 ? 0 : bytes.lastIndexOf(LF, at - 1) + 1);
const endOf = (bytes: Buffer, at: number): number => {
  const lf = bytes.indexOf(LF, at);
  return lf === -1 ? bytes.length : lf + 1;
};

/** @param base how far into the segment the bytes begin */
const forwardsIn = function* (
  number: number,
  bytes: Buffer,
  from: number,
  base: number,
  filter: CompiledFilter,
): Generator<Found> {
  const find = finder(bytes, filter);
  // A place is between two lines, unless something was cut off since it was told.
  let start = startOf(bytes, from) === from ? from : endOf(bytes, from);
  while (start < bytes.length) {
    if (find) {
      const at = find.next(start);
      if (at === -1) return;
      start = startOf(bytes, at);
    }
    const end = endOf(bytes, start);
    const line = lineAt(bytes, start, end, filter);
    if (line)
      yield {
        line,
        start: { segment: number, offset: base + start },
        end: { segment: number, offset: base + end },
      };
    start = end;
  }
};

const backwardsIn = function* (
  number: number,
  bytes: Buffer,
  to: number,
  filter: CompiledFilter,
): Generator<Found> {
  const find = finder(bytes, filter);
  let end = startOf(bytes, Math.min(to, bytes.length));
  while (end > 0) {
    let start = startOf(bytes, end - 1);
    if (find) {
      const at = find.last(end - 1);
      if (at === -1) return;
      start = startOf(bytes, at);
      end = endOf(bytes, at);
    }
    const line = lineAt(bytes, start, end, filter);
    if (line)
      yield { line, start: { segment: number, offset: start }, end: { segment: number, offset: end } };
    end = start;
  }
};

/** What a scan gives out: a line, or how far it has come. */
export type Step = Found | { at: Place };

const canHold = (segment: Segment, filter: CompiledFilter): boolean =>
  segment.toMs >= filter.sinceMs && (!segment.closed || segment.fromMs <= filter.untilMs);

/** Oldest first, from a place on or from the beginning, up to what is there when it comes to the end. */
export const forwards = async function* (
  log: SiteLog,
  from: Place | null,
  filter: CompiledFilter,
): AsyncGenerator<Step> {
  let next = from?.segment ?? 0;
  let offset = from?.offset ?? 0;
  for (;;) {
    const segment = log.segments().find((one) => one.number >= next);
    if (!segment) return;
    // The place is gone: on with the oldest line left.
    if (segment.number > next) offset = 0;
    let length = offset;
    if (canHold(segment, filter)) {
      // With the byte before: it says whether a line begins here.
      const base = Math.max(0, offset - 1);
      const bytes = await log.load(segment.number, base);
      if (bytes) {
        length = base + bytes.length;
        yield* forwardsIn(segment.number, bytes, Math.min(offset - base, bytes.length), base, filter);
      }
    }
    // The last one grows: whoever follows goes on there.
    const isLast = log.segments().at(-1)?.number === segment.number && !segment.closed;
    yield {
      at: isLast ? { segment: segment.number, offset: length } : { segment: segment.number + 1, offset: 0 },
    };
    next = segment.number + 1;
    offset = 0;
  }
};

/** Newest first, from a place back or from the end. */
export const backwards = async function* (
  log: SiteLog,
  to: Place | null,
  filter: CompiledFilter,
): AsyncGenerator<Step> {
  let last = to?.segment ?? Number.MAX_SAFE_INTEGER;
  for (;;) {
    const segment = log.segments().findLast((one) => one.number <= last);
    if (!segment) return;
    if (canHold(segment, filter)) {
      const bytes = await log.load(segment.number);
      const end = segment.number === to?.segment ? to.offset : (bytes?.length ?? 0);
      if (bytes) yield* backwardsIn(segment.number, bytes, end, filter);
    }
    yield { at: { segment: segment.number, offset: 0 } };
    last = segment.number - 1;
  }
};
