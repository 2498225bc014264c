import { closeSync, fstatSync, openSync, read, readdirSync, statSync } from "node:fs";
import { promisify } from "node:util";
import { basename, dirname } from "node:path";
import type { OutputLine, OutputReader } from "../domain/app-log.ts";
import { logFiles } from "../domain/disk.ts";
import { comparableTime, entriesOf, type Middle } from "./json-file-lines.ts";

const LF = 10;
/** Docker cuts what is printed at 16 KB, which JSON can make six times as long. */
const longestEntry = 256 * 1024;
const timeTail = 64;
/** At the files while the engine renames them. */
const mostLooks = 20;
/** While lines are counted only: read in pieces of this size, and no more than so much in one go. */
const countBytes = 1024 * 1024;
const mostCounted = 32 * 1024 * 1024;

/** `inode:offset:time of the last line:stream that is within a long line`. */
interface Place {
  ino: number;
  offset: number;
  time: string;
  middle: Middle;
}

const placeText = ({ ino, offset, time, middle }: Place): string =>
  `${ino};${offset};${time};${(middle.stdout ? 1 : 0) + (middle.stderr ? 2 : 0)}`;

const parsePlace = (text: string): Place | null => {
  const match = /^(\d+);(\d+);([0-9TZ:.-]*);([0-3])$/.exec(text);
  if (!match) return null;
  const flags = Number(match[4]);
  return {
    ino: Number(match[1]),
    offset: Number(match[2]),
    time: match[3]!,
    middle: { stdout: (flags & 1) === 1, stderr: (flags & 2) === 2 },
  };
};

const sizeAndIno = (path: string): { size: number; ino: number } | null =>
  statSync(path, { throwIfNoEntry: false }) ?? null;

/** A number and no FileHandle, whose being forgotten would end the process. */
type Descriptor = number;

const openIfThere = (path: string): Descriptor | null => {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
};

interface Link {
  path: string;
  ino: number;
}

/** The log's files, oldest first: `-json.log.2`, `-json.log.1`, `-json.log`. */
const listed = (path: string): Link[] => {
  const prefix = `${basename(path)}.`;
  let names: string[];
  try {
    names = readdirSync(dirname(path));
  } catch {
    return [];
  }
  const numbers = names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => b - a);
  return [...numbers.map((number) => `${path}.${number}`), path].flatMap((one) => {
    const ino = sizeAndIno(one)?.ino;
    return ino === undefined ? [] : [{ path: one, ino }];
  });
};

/**
 * The same of one moment: while the engine renames them, one could be seen twice or not at all. It is done when two looks
 * see the same; their order is by age at any moment.
 */
const chainOf = (path: string): Link[] => {
  let last = listed(path);
  for (let look = 0; look < mostLooks; look++) {
    const present = listed(path);
    if (Bun.deepEquals(present, last)) break;
    last = present;
  }
  return last;
};

/** One of them, opened; null when the engine has renamed it by now. */
const openLink = ({ path, ino }: Link): Descriptor | null => {
  const file = openIfThere(path);
  if (file === null || fstatSync(file).ino === ino) return file;
  closeSync(file);
  return null;
};

const readInto = promisify(read);
const readAt = async (file: Descriptor, offset: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafe(length);
  const { bytesRead } = await readInto(file, bytes, 0, length, offset);
  return bytes.subarray(0, bytesRead);
};

/** Whether the entry that ends here was printed at that very nanosecond: then it is the same file as before. */
const endsWithTime = async (file: Descriptor, place: Place): Promise<boolean> => {
  if (place.offset === 0) return true;
  const from = Math.max(0, place.offset - timeTail);
  const tail = (await readAt(file, from, place.offset - from)).toString("latin1");
  return tail.endsWith(`"time":"${place.time}"}\n`);
};

/**
 * One container's json-file log from a position on, through rotations, which rename `-json.log` to `.1` and so on. The
 * open file keeps its inode from being given away, so within one life an inode says which file it is; after a restart
 * the time of the last line read has to agree as well, and where no file has it, lines up to that time are passed over.
 * @returns null while there is no file
 */
export const openJsonFile = async (path: string, position: string | null): Promise<OutputReader | null> => {
  const wanted = position === null ? null : parsePlace(position);
  let file: Descriptor | null = null;
  let place: Place = { ino: 0, offset: 0, time: "", middle: { stdout: false, stderr: false } };
  let lost = false;
  /** Lines up to this time were read in an earlier life. */
  let seenUntil: string | null = null;

  const use = (next: Descriptor, changes: Partial<Place> = {}): void => {
    file = next;
    place = { ...place, ino: fstatSync(next).ino, offset: 0, ...changes };
  };

  if (wanted) {
    for (let look = 1; file === null && look <= mostLooks; look++) {
      const link = chainOf(path).find(({ ino }) => ino === wanted.ino);
      if (!link) break;
      const candidate = openLink(link);
      if (candidate === null) continue;
      const isSame = fstatSync(candidate).size >= wanted.offset && (await endsWithTime(candidate, wanted));
      if (isSame) use(candidate, wanted);
      else {
        closeSync(candidate);
        break;
      }
    }
  }
  if (file === null) {
    for (let look = 1; file === null && look <= mostLooks; look++) {
      const chain = chainOf(path);
      if (chain.length === 0) return null;
      // As many as the engine keeps: there may have been more.
      lost = wanted === null && chain.length >= logFiles;
      const oldest = openLink(chain[0]!);
      if (oldest !== null) use(oldest);
    }
    if (file === null) return null;
    if (wanted && wanted.time !== "") {
      place.time = wanted.time;
      seenUntil = comparableTime(wanted.time);
    }
  }

  /** To the next newer file, once this one is read to its end. @returns false when this is the newest */
  const moveOn = (): boolean => {
    for (let look = 1; look <= mostLooks; look++) {
      const chain = chainOf(path);
      const at = chain.findIndex(({ ino }) => ino === place.ino);
      const following = chain[at + 1];
      if (!following) return false;
      const next = openLink(following);
      if (next === null) continue;
      // Gone: as many files as are kept were filled meanwhile, and perhaps more.
      if (at === -1) lost = true;
      closeSync(file!);
      use(next);
      return true;
    }
    return false;
  };

  /** Whole entries, about `most` bytes of them. Empty at the end of what is there. */
  const nextBytes = async (most: number): Promise<Buffer> => {
    for (;;) {
      const left = fstatSync(file!).size - place.offset;
      if (left < 0) {
        // Cut short by somebody else: begun anew.
        place.offset = 0;
        lost = true;
        continue;
      }
      const bytes = await readAt(file!, place.offset, Math.min(left, Math.max(most, longestEntry)));
      const end = bytes.lastIndexOf(LF, Math.max(0, most - 1)) + 1 || bytes.indexOf(LF) + 1;
      if (end > 0) return bytes.subarray(0, end);
      // Nothing of Docker's is as long as this: passed over, so that it holds up nothing.
      if (bytes.length >= longestEntry) {
        place.offset += bytes.length;
        continue;
      }
      const isRotated = (sizeAndIno(path)?.ino ?? place.ino) !== place.ino;
      if (!isRotated) return bytes.subarray(0, 0);
      // Written to between the reading and the rotation; behind that it never is.
      if (fstatSync(file!).size > place.offset + bytes.length) continue;
      if (!moveOn()) return bytes.subarray(0, 0);
    }
  };

  const backlogBytes = (): number => {
    const own = fstatSync(file!).size - place.offset;
    const newest = sizeAndIno(path);
    return own + (newest && newest.ino !== place.ino ? newest.size : 0);
  };

  return {
    changed() {
      const newest = sizeAndIno(path);
      if (newest === null) return fstatSync(file!).size > place.offset;
      return newest.ino !== place.ino || newest.size !== place.offset;
    },
    backlogBytes,
    async read(maxBytes) {
      const bytes = await nextBytes(maxBytes);
      const lines: OutputLine[] = [];
      const { ino } = place;
      for (const entry of entriesOf(bytes, place.middle)) {
        const offset = place.offset + entry.end;
        place.time = entry.time;
        if (seenUntil !== null) {
          const time = comparableTime(entry.time);
          if (time < seenUntil) continue;
          const isLast = time === seenUntil;
          // The first one that is left is younger than what was read last: those in between are gone.
          if (!isLast) lost = true;
          seenUntil = null;
          if (isLast) continue;
        }
        if (entry.text === null) continue;
        const here: Place = { ino, offset, time: entry.time, middle: { ...place.middle } };
        const { atMs, stream, text, cut } = entry;
        lines.push({ atMs, stream, text, cut, position: () => placeText(here) });
      }
      place.offset += bytes.length;
      return { lines, more: bytes.length > 0 && backlogBytes() > 0 };
    },
    async skip(keepBytes) {
      let count = 0;
      let counted = 0;
      for (let left = backlogBytes() - keepBytes; left > 0; left = backlogBytes() - keepBytes) {
        const jump = Math.min(left, fstatSync(file!).size - place.offset - longestEntry);
        if (counted >= mostCounted && jump > 0) {
          // About as many a byte as in what was counted.
          count += Math.round((count / counted) * jump);
          place.offset += jump;
          place.offset += (await readAt(file!, place.offset, longestEntry)).indexOf(LF) + 1;
          continue;
        }
        const bytes = await nextBytes(Math.min(countBytes, left));
        if (bytes.length === 0) break;
        for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) count++;
        counted += bytes.length;
        place.offset += bytes.length;
        for (const { time } of entriesOf(bytes.subarray(bytes.lastIndexOf(LF, -2) + 1), place.middle))
          place.time = time;
      }
      // Of lines that were passed over it is not known whether they go on.
      if (count > 0) place.middle = { stdout: false, stderr: false };
      return count;
    },
    takeLost() {
      const was = lost;
      lost = false;
      return was;
    },
    // Until it is found where it was, that still holds.
    position: () => (seenUntil === null ? placeText(place) : position!),
    close: async () => closeSync(file!),
  };
};
