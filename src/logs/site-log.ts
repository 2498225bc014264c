import {
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  unlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { AppLogLine } from "../domain/app-log.ts";
import type { Log } from "../domain/log.ts";
import { headOf, lineText, parsePositions, positionsMark, positionsText } from "./line-format.ts";
import { parseSegment, type Place, type Segment, segmentName } from "./segment.ts";

/** Small enough to be unpacked and looked through without holding anybody up. */
export const segmentBytes = 1024 * 1024;
/** What is read without waiting for a turn: the last lines. */
const smallBytes = 64 * 1024;
const closeAfterMs = 24 * 3_600_000;
const zstdLevel = 3;

export interface Keep {
  /** On disk, of the environment's whole log. */
  maxBytes: number;
  /** Lines older than this go, a segment at a time. */
  days: number;
}

/** One environment's stored log. All appends are one caller's, one after the other; reading goes on beside. */
export interface SiteLog {
  /** Where reading each container goes on, as of the last whole append. */
  positions: Readonly<Record<string, string>>;
  /** All or nothing, over a kill too: what a write left unfinished is cut off at the next start. */
  append(lines: readonly AppLogLine[], positions: Record<string, string>): Promise<void>;
  /** Oldest first. */
  segments(): readonly Segment[];
  end(): Place;
  bytes(): number;
  /** A segment, unpacked, from a byte on; of the one that is written to what is there. Null once it is gone. */
  load(number: number, from?: number): Promise<Buffer | null>;
  /** Lets go of what is too old or too much, and closes a segment that has been open for a day. */
  tend(nowMs: number): Promise<void>;
}

export interface SiteLogDeps {
  keep(): Promise<Keep>;
  /** Runs one piece of work at a time over all sites. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when it is a reader's turn to look through one more part. */
  readTurn(): Promise<void>;
  log: Log;
}

const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

/** Who follows a log asks for its last lines over and over. */
const readPart = async (path: string, from: number, to: number): Promise<Buffer> => {
  const file = await open(path, "r");
  try {
    const bytes = Buffer.alloc(Math.max(0, to - from));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
};

/** Everything up to the last record of positions; what stands behind it was not written to its end. */
const wholePart = (bytes: Buffer): { length: number; positions: Record<string, string> } | null => {
  for (let end = bytes.lastIndexOf(10) + 1; end > 0;) {
    const start = end < 2 ? 0 : bytes.lastIndexOf(10, end - 2) + 1;
    if (bytes.toString("latin1", start, start + positionsMark.length) === positionsMark) {
      const positions = parsePositions(bytes.toString("utf8", start, end));
      if (positions) return { length: end, positions };
    }
    end = start;
  }
  return null;
};

const spanOf = (bytes: Buffer): { fromMs: number; toMs: number } | null => {
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = 0;
  for (let start = 0; start < bytes.length;) {
    const head = headOf(bytes, start);
    if (head) {
      fromMs = Math.min(fromMs, head.atMs);
      toMs = Math.max(toMs, head.atMs);
    }
    const lf = bytes.indexOf(10, start);
    start = lf === -1 ? bytes.length : lf + 1;
  }
  return toMs === 0 ? null : { fromMs, toMs };
};

/** Opens, and mends what a kill left. @param folder of this environment alone; made at the first append */
export const openSiteLog = async (folder: string, deps: SiteLogDeps): Promise<SiteLog> => {
  let segments: Segment[] = [];
  const closing = new Set<number>();
  let positions: Record<string, string> = {};
  const pathOf = (segment: Segment): string => join(folder, segmentName(segment));
  const load = async (number: number, from = 0): Promise<Buffer | null> => {
    // Closing one gives it another name: looked for once more then.
    for (let attempt = 0; attempt < 3; attempt++) {
      const segment = segments.find((one) => one.number === number);
      if (!segment) return null;
      const { closed, bytes } = segment;
      try {
        if (closed || bytes - from > smallBytes) await deps.readTurn();
        if (!closed) return await readPart(pathOf(segment), from, bytes);
        return Buffer.from(await Bun.zstdDecompress(await readFile(pathOf(segment)))).subarray(from);
      } catch (error) {
        if (isGone(error)) continue;
        deps.log.warn("a part of a site's log cannot be read", { path: pathOf(segment), error });
        return Buffer.alloc(0);
      }
    }
    return null;
  };

  const recover = async (): Promise<void> => {
    const found = new Map<number, Segment>();
    for (const name of await readdir(folder).catch(() => [])) {
      const segment = parseSegment(
        name,
        await stat(join(folder, name)).then(
          ({ size }) => size,
          () => 0,
        ),
      );
      if (!segment) {
        await unlink(join(folder, name)).catch(() => {});
        continue;
      }
      const other = found.get(segment.number);
      // Closed already, but not taken away before the end.
      if (other) await unlink(pathOf(other.closed ? segment : other)).catch(() => {});
      found.set(segment.number, other?.closed ? other : segment);
    }
    segments = [...found.values()].sort((a, b) => a.number - b.number);
    for (const segment of [...segments].reverse()) {
      const whole = wholePart((await load(segment.number)) ?? Buffer.alloc(0));
      if (whole) {
        positions = whole.positions;
        if (!segment.closed && whole.length < segment.bytes) {
          await truncate(pathOf(segment), whole.length);
          segment.bytes = whole.length;
        }
        break;
      }
      if (segment.closed) break;
      await unlink(pathOf(segment));
      segments = segments.filter((one) => one !== segment);
    }
    for (const segment of segments.slice(0, -1)) if (!segment.closed) void close(segment);
  };

  /** Nothing is written to it any more from here on. */
  const close = (segment: Segment): Promise<void> => {
    closing.add(segment.number);
    return deps.inTurn(async () => {
      try {
        const raw = (await load(segment.number)) ?? Buffer.alloc(0);
        const span = spanOf(raw) ?? { fromMs: segment.fromMs, toMs: segment.fromMs };
        const packed = await Bun.zstdCompress(raw, { level: zstdLevel });
        const closed: Segment = { ...segment, ...span, closed: true, bytes: packed.length };
        const partial = join(folder, `.${segmentName(closed)}`);
        await writeFile(partial, packed, { mode: 0o600 });
        await rename(partial, pathOf(closed));
        await unlink(pathOf(segment));
        segments = segments.map((one) => (one.number === segment.number ? closed : one));
        await makeRoom();
      } catch (error) {
        // It stays as it is, and is tried again at the next start.
        if (!isGone(error)) deps.log.warn("a part of a site's log was not packed", { folder, error });
      }
    });
  };

  const bytes = (): number => segments.reduce((sum, one) => sum + one.bytes, 0);

  const drop = async (segment: Segment): Promise<void> => {
    segments = segments.filter((one) => one !== segment);
    await unlink(pathOf(segment)).catch((error) => {
      if (!isGone(error)) throw error;
    });
  };

  const makeRoom = async (beforeMs = 0): Promise<void> => {
    const { maxBytes } = await deps.keep();
    // The one that is written to stays.
    while (segments.length > 1 && (bytes() > maxBytes || segments[0]!.toMs < beforeMs))
      await drop(segments[0]!);
  };

  const openOne = (): Segment | undefined => {
    const last = segments.at(-1);
    return !last || last.closed || closing.has(last.number) ? undefined : last;
  };
  let turn: Promise<unknown> = Promise.resolve();
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work, work);
    turn = mine.catch(() => {});
    return mine;
  };

  await recover();
  return {
    get positions() {
      return positions;
    },
    append: (lines, next) =>
      exclusively(async () => {
        const text = Buffer.from(lines.map(lineText).join("") + positionsText(next));
        let segment = openOne();
        if (segment && segment.bytes + text.length > segmentBytes) {
          void close(segment);
          segment = undefined;
        }
        const isNew = segment === undefined;
        if (!segment) {
          if (segments.length === 0) await mkdir(folder, { recursive: true, mode: 0o700 });
          const number = (segments.at(-1)?.number ?? 0) + 1;
          const fromMs = Math.min(...lines.slice(0, 1).map((line) => line.atMs), 1e13 - 1);
          segment = { number, fromMs, toMs: Number.MAX_SAFE_INTEGER, closed: false, bytes: 0 };
        }
        const file = await open(pathOf(segment), "a", 0o600);
        try {
          await file.writeFile(text);
        } catch (error) {
          // A disk that is full: what came before stays whole.
          await file.truncate(segment.bytes).catch(() => {});
          throw error;
        } finally {
          await file.close();
        }
        segment.bytes += text.length;
        if (isNew) segments = [...segments, segment];
        positions = next;
        if (isNew) await makeRoom();
      }),
    segments: () => segments,
    end: () => {
      const last = segments.at(-1);
      if (!last) return { segment: 1, offset: 0 };
      return last.closed
        ? { segment: last.number + 1, offset: 0 }
        : { segment: last.number, offset: last.bytes };
    },
    bytes,
    load,
    async tend(nowMs) {
      const { days } = await deps.keep();
      await exclusively(async () => {
        const segment = openOne();
        if (segment && nowMs - segment.fromMs > closeAfterMs) await close(segment);
      });
      await makeRoom(nowMs - days * 24 * 3_600_000);
      // The last one, once nothing is written any more.
      const [last] = segments;
      if (segments.length === 1 && last!.closed && last!.toMs < nowMs - days * 24 * 3_600_000)
        await drop(last!);
    },
  };
};

export const removeSiteLog = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });
