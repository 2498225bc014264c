import { constants } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type AccessLine, accessLineSchema, droppedSchema } from "../../domain/access-log.ts";
import { LF } from "../byte-classes.ts";
import {
  compareSegments,
  isLogKey,
  logFolder,
  parseSegment,
  type Segment,
  segmentName,
  segmentsAmong,
} from "./segments.ts";

/** A place in a log, behind which new lines come: `20261120T1200-000003.4711`. */
export type LogPlace = string;

/** What stands at one place: a line, or how many are missing there. */
export type LogEntry = { line: AccessLine } | { dropped: number };

/** Sites' access logs for the daemon, who owns neither the files nor what they hold: nothing in them is believed. */
export interface AccessLogs {
  /** Newest first, read as they are asked for. */
  backwards(environmentId: string): AsyncGenerator<LogEntry>;
  /** Oldest first, up to what there is now. */
  forwards(environmentId: string): AsyncGenerator<LogEntry>;
  /** The end of what is there. */
  end(environmentId: string): Promise<LogPlace>;
  /** Reads on, each entry with the place behind it. A place that is gone continues with the oldest line left. */
  after(
    environmentId: string,
    place: LogPlace,
  ): Promise<{ entries: { entry: LogEntry; place: LogPlace }[]; place: LogPlace }>;
}

const pieceBytes = 256 * 1024;
/** A line that is longer or shorter is none of ours. */
const longestLine = 32 * 1024;
const shortestLine = 40;
/** Of one log in one go: twice what the largest ring holds. A file with holes could be as long as it likes. */
const mostBytes = 2 * 1024 ** 3;
/** Of a place, in one go; beyond that the rest comes next time. */
const mostEntries = 5_000;

/** @param dir the edge's folder */
export const openAccessLogs = (dir: string): AccessLogs => {
  const folderOf = (environmentId: string): string => {
    if (!isLogKey(environmentId)) throw new RangeError(`not an id: ${environmentId}`);
    return logFolder(dir, environmentId);
  };
  const list = async (folder: string): Promise<Segment[]> =>
    segmentsAmong(await readdir(folder).catch(() => []));

  return {
    async *backwards(environmentId) {
      const folder = folderOf(environmentId);
      yield* usingSegments(folder, (await list(folder)).reverse(), entriesBackwards);
    },
    async *forwards(environmentId) {
      const folder = folderOf(environmentId);
      yield* usingSegments(folder, await list(folder), entriesForwards);
    },
    async end(environmentId) {
      const folder = folderOf(environmentId);
      const newest = (await list(folder)).at(-1);
      if (newest === undefined) return "";
      const file = await openSegment(folder, newest);
      if (file === null) return "";
      try {
        return placeOf(newest, (await file.stat()).size);
      } finally {
        await file.close();
      }
    },
    async after(environmentId, place) {
      const folder = folderOf(environmentId);
      const from = parsePlace(place);
      const entries: { entry: LogEntry; place: LogPlace }[] = [];
      let now = place;
      for (const segment of await list(folder)) {
        const order = from === null ? 1 : compareSegments(segment, from.segment);
        if (order < 0) continue;
        const file = await openSegment(folder, segment);
        if (file === null) continue;
        try {
          const start = order === 0 ? from!.offset : 0;
          const piece = await wholeLines(file, start);
          for (const { entry, end } of placedEntries(piece.bytes))
            entries.push({ entry, place: placeOf(segment, start + end) });
          now = placeOf(segment, start + piece.bytes.length);
          // The rest next time: nobody is kept waiting for all of a busy site's lines.
          if (piece.more || entries.length > mostEntries) break;
        } finally {
          await file.close();
        }
      }
      return { entries, place: now };
    },
  };
};

const placeOf = (segment: Segment, offset: number): LogPlace =>
  `${segmentName(segment).replace(".jsonl", "")}.${offset}`;

const parsePlace = (place: LogPlace): { segment: Segment; offset: number } | null => {
  const [name = "", offset = ""] = place.split(".");
  const segment = parseSegment(`${name}.jsonl`);
  return segment === null || !/^\d{1,15}$/.test(offset) ? null : { segment, offset: Number(offset) };
};

/** Null when it is gone, or no file at all: the folder is another user's, who could put links there. */
const openSegment = async (folder: string, segment: Segment): Promise<FileHandle | null> => {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    const file = await open(join(folder, segmentName(segment)), flags);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    return null;
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENXIO"].includes((error as { code?: string }).code ?? "")) return null;
    throw error;
  }
};

const usingSegments = async function* (
  folder: string,
  segments: Iterable<Segment>,
  read: (file: FileHandle, size: number) => AsyncGenerator<LogEntry>,
): AsyncGenerator<LogEntry> {
  let left = mostBytes;
  for (const segment of segments) {
    const file = await openSegment(folder, segment);
    if (file === null) continue;
    try {
      const { size } = await file.stat();
      if (size > left) continue;
      left -= size;
      yield* read(file, size);
    } finally {
      await file.close();
    }
  }
};

const readPiece = async (file: FileHandle, from: number, to: number): Promise<Buffer> => {
  const bytes = Buffer.alloc(to - from);
  const { bytesRead } = await file.read(bytes, 0, to - from, from);
  return bytes.subarray(0, bytesRead);
};

const entriesBackwards = async function* (file: FileHandle, size: number): AsyncGenerator<LogEntry> {
  let rest: Buffer = Buffer.alloc(0);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - pieceBytes);
    const bytes = Buffer.concat([await readPiece(file, start, end), rest]);
    end = start;
    // What stands before the first end of a line belongs to the piece before.
    const first = start === 0 ? 0 : bytes.indexOf(LF) + 1;
    rest = start > 0 && first === 0 ? bytes.subarray(0, longestLine) : bytes.subarray(0, first);
    // Of a line that is too long only so much is kept that it stays so, however far its beginning is away.
    if (rest.length > longestLine) rest = Buffer.from(rest.subarray(-longestLine - 2));
    yield* [...entriesOf(start > 0 && first === 0 ? Buffer.alloc(0) : bytes.subarray(first))].reverse();
  }
};

const entriesForwards = async function* (file: FileHandle, size: number): AsyncGenerator<LogEntry> {
  for (let at = 0; at < size;) {
    const { bytes, more } = await wholeLines(file, at);
    yield* entriesOf(bytes);
    if (!more) return;
    at += bytes.length;
  }
};

/** Up to the last end of a line in the next piece. */
const wholeLines = async (file: FileHandle, from: number): Promise<{ bytes: Buffer; more: boolean }> => {
  const bytes = await readPiece(file, from, from + pieceBytes);
  const end = bytes.lastIndexOf(LF) + 1;
  const full = bytes.length === pieceBytes;
  // A piece without any end of a line is passed over.
  return { bytes: end === 0 && full ? bytes : bytes.subarray(0, end), more: full };
};

/** What a killed writer left unfinished, and anything else that is no line, is passed over. */
const entriesOf = function* (bytes: Buffer): Generator<LogEntry> {
  for (const { entry } of placedEntries(bytes)) yield entry;
};

const placedEntries = function* (bytes: Buffer): Generator<{ entry: LogEntry; end: number }> {
  let end = 0;
  for (const text of bytes.toString("latin1").split("\n")) {
    end += text.length + 1;
    if (text.length < shortestLine || text.length > longestLine) continue;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      continue;
    }
    const line = accessLineSchema.safeParse(value);
    if (line.success) yield { entry: { line: line.data }, end };
    else {
      const dropped = droppedSchema.safeParse(value);
      if (dropped.success) yield { entry: { dropped: dropped.data.dropped }, end };
    }
  }
};
