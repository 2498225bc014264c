import { close, constants, fstatSync, open, write } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Log } from "../../domain/log.ts";
import { ascii, LF } from "../byte-classes.ts";
import { pruneLog } from "./prune-log.ts";
import { type Segment, segmentAt, segmentBytes, segmentName, segmentsAmong } from "./segments.ts";

/**
 * The writing side of one site's log. Lines are put together in memory and written by another thread: a disk that is
 * slow or full costs lines, which are counted, and never a visitor's time.
 */
export interface LogWriter {
  /** Where the next line goes; `bytes` has `room` bytes from `length` on. */
  bytes: Uint8Array;
  length: number;
  lines: number;
  /** Lines that never came to the disk, since the last that did. */
  dropped: number;
  ringBytes: number;
  keptMs: number;
  readonly folder: string;
  /** Full buffers that wait for the disk. */
  readonly waiting: Batch[];
  /** The write that is under way. */
  writing: Promise<void> | null;
  segment: OpenSegment | null;
  failing: boolean;
}

interface Batch {
  bytes: Uint8Array;
  length: number;
  lines: number;
}

interface OpenSegment extends Segment {
  descriptor: number;
  usedAtMs: number;
}

export interface WriterDeps {
  log: Log;
  nowMs: () => number;
  /** Buffers that nobody uses: new ones for each batch would keep the collector busy. */
  spare: { small: Uint8Array[]; large: Uint8Array[] };
  /** Those that hold a file open: descriptors are for visitors. */
  open: Set<LogWriter>;
}

export const createSpare = (): WriterDeps["spare"] => ({ small: [], large: [] });

/** For sites that are asked a little now and then, */
const smallBytes = 4 * 1024;
/** and for busy ones: so much is written at once. */
const batchBytes = 64 * 1024;
const longestLine = batchBytes - smallBytes;
const mostSpare = 32;

const takeBuffer = ({ small, large }: WriterDeps["spare"], isLarge: boolean): Uint8Array =>
  (isLarge ? large : small).pop() ?? new Uint8Array(isLarge ? batchBytes : smallBytes);

const giveBack = ({ small, large }: WriterDeps["spare"], bytes: Uint8Array): void => {
  const pool = bytes.length === batchBytes ? large : small;
  if (bytes.length > 0 && pool.length < mostSpare) pool.push(bytes);
};

/** How much may wait for a slow disk, per site. */
const mostWaiting = 8;
const idleMs = 60_000;
/** Of all sites: the others open their file for each batch, some times a second at most. */
const mostOpen = 48;

const noBytes = new Uint8Array();

export const createLogWriter = (folder: string, ringBytes: number, keptMs: number): LogWriter => ({
  bytes: noBytes,
  length: 0,
  lines: 0,
  dropped: 0,
  ringBytes,
  keptMs,
  folder,
  waiting: [],
  writing: null,
  segment: null,
  failing: false,
});

/**
 * Makes room for a line, which is far shorter than a batch.
 * @returns false when it is dropped
 */
export const makeRoom = (writer: LogWriter, bytes: number, deps: WriterDeps): boolean => {
  if (writer.bytes.length - writer.length >= bytes) return true;
  const before = writer.bytes;
  const isFull = before.length === batchBytes;
  if (bytes > longestLine || (isFull && writer.waiting.length >= mostWaiting)) {
    writer.dropped++;
    return false;
  }
  if (isFull) {
    putBy(writer);
    void drain(writer, deps);
  }
  const { length } = writer;
  writer.bytes = takeBuffer(deps.spare, isFull || length + bytes + 1 > smallBytes);
  if (length === 0) {
    // Whatever another process left behind unfinished, killed while it wrote, ends here.
    writer.bytes[0] = LF;
    writer.length = 1;
    return true;
  }
  writer.bytes.set(before.subarray(0, length));
  giveBack(deps.spare, before);
  return true;
};

const putBy = (writer: LogWriter): void => {
  const { bytes, length, lines } = writer;
  writer.waiting.push({ bytes, length, lines });
  writer.bytes = noBytes;
  writer.length = 0;
  writer.lines = 0;
};

/** Writes what there is; to be called at least once a second. */
export const flushLog = (writer: LogWriter, deps: WriterDeps): Promise<void> | null => {
  if (writer.lines > 0 && writer.writing === null) putBy(writer);
  if (writer.waiting.length > 0) return drain(writer, deps);
  const { segment } = writer;
  if (segment !== null && writer.writing === null && deps.nowMs() - segment.usedAtMs > idleMs)
    closeSegment(writer, deps);
  return writer.writing;
};

const drain = (writer: LogWriter, deps: WriterDeps): Promise<void> =>
  (writer.writing ??= drainAll(writer, deps).finally(() => (writer.writing = null)));

const drainAll = async (writer: LogWriter, deps: WriterDeps): Promise<void> => {
  for (let batch = writer.waiting[0]; batch !== undefined; batch = writer.waiting[0]) {
    try {
      await writeBatch(writer, batch, deps);
      if (writer.failing) deps.log.info("an access log is written again", { folder: writer.folder });
      writer.failing = false;
    } catch (error) {
      // Each site's once, not each second.
      if (!writer.failing)
        deps.log.warn("an access log cannot be written; requests go on without", {
          folder: writer.folder,
          error,
        });
      writer.failing = true;
      closeSegment(writer, deps);
    }
    writer.waiting.shift();
    giveBack(deps.spare, batch.bytes);
  }
  if (deps.open.size > mostOpen) closeSegment(writer, deps);
};

/** @throws when not all of it came to the disk; what did not is counted as dropped */
const writeBatch = async (writer: LogWriter, batch: Batch, deps: WriterDeps): Promise<void> => {
  let taken = 0;
  try {
    const { descriptor } = await segmentFor(writer, deps);
    taken = await writeTo(descriptor, batch.bytes, batch.length);
    if (taken < batch.length) throw new Error("the disk took only a part");
  } finally {
    if (taken < batch.length) writer.dropped += linesAfter(batch, taken);
  }
  if (writer.dropped === 0) return;
  const { dropped } = writer;
  const words = ascii(`{"time":"${new Date(deps.nowMs()).toISOString()}","dropped":${dropped}}\n`);
  if ((await writeTo(writer.segment!.descriptor, words, words.length)) === words.length)
    writer.dropped -= dropped;
};

const linesAfter = ({ bytes, length }: Batch, from: number): number => {
  let lines = 0;
  // The byte before the first line is a line's end, too.
  for (let at = Math.max(1, from); at < length; at++) if (bytes[at] === LF) lines++;
  return lines;
};

const writeTo = (descriptor: number, bytes: Uint8Array, length: number): Promise<number> =>
  new Promise((resolve, reject) =>
    write(descriptor, bytes, 0, length, null, (error, written) => (error ? reject(error) : resolve(written))),
  );

const openAppend = promisify(open) as (path: string, flags: number, mode: number) => Promise<number>;
const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

/** The file that lines belong into now: of this span of time, the first one that is not full. */
const segmentFor = async (writer: LogWriter, deps: WriterDeps): Promise<OpenSegment> => {
  const now = deps.nowMs();
  const most = segmentBytes(writer.ringBytes);
  let wanted = segmentAt(now);
  const { segment } = writer;
  const { size, nlink } = segment === null ? { size: 0, nlink: 0 } : fstatSync(segment.descriptor);
  if (segment !== null && segment.startMs === wanted.startMs && nlink > 0) {
    if (size < most) {
      segment.usedAtMs = now;
      return segment;
    }
    wanted = { startMs: segment.startMs, number: segment.number + 1 };
  } else {
    await mkdir(writer.folder, { recursive: true, mode: 0o750 });
    const newest = segmentsAmong(await readdir(writer.folder)).at(-1);
    if (newest !== undefined && newest.startMs === wanted.startMs) wanted = newest;
  }
  closeSegment(writer, deps);
  for (;;) {
    const descriptor = await openAppend(join(writer.folder, segmentName(wanted)), flags, 0o640);
    const present = fstatSync(descriptor).size;
    if (present < most) {
      writer.segment = { ...wanted, descriptor, usedAtMs: now };
      deps.open.add(writer);
      if (present === 0) await pruneLog(writer.folder, writer.ringBytes, writer.keptMs, now, wanted);
      return writer.segment;
    }
    close(descriptor, () => {});
    wanted = { startMs: wanted.startMs, number: wanted.number + 1 };
  }
};

/** Not while something is being written. */
export const closeSegment = (writer: LogWriter, { open }: Pick<WriterDeps, "open">): void => {
  const { segment } = writer;
  writer.segment = null;
  open.delete(writer);
  if (segment !== null) close(segment.descriptor, () => {});
};
