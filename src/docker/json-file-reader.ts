import { fstatSync, statSync } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { OutputLine, OutputReader } from "../domain/app-log.ts";
import { logFiles } from "../domain/disk.ts";
import { comparableTime, entriesOf, type Middle } from "./json-file-lines.ts";

const LF = 10;
/** Docker cuts what is printed at 16 KB, which JSON can make six times as long. */
const longestEntry = 256 * 1024;
const timeTail = 64;
/** Of finding the next file while the engine renames them. */
const mostAttempts = 5;
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

const openIfThere = async (path: string): Promise<FileHandle | null> => {
  try {
    return await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
};

/** The log's files, oldest first: `-json.log.2`, `-json.log.1`, `-json.log`. */
const chainOf = async (path: string): Promise<string[]> => {
  const name = basename(path);
  const older = (await readdir(dirname(path)).catch(() => []))
    .filter((one) => one.startsWith(`${name}.`) && /^\d+$/.test(one.slice(name.length + 1)))
    .sort((a, b) => Number(b.slice(name.length + 1)) - Number(a.slice(name.length + 1)));
  return [...older.map((one) => join(dirname(path), one)), path];
};

const readAt = async (file: FileHandle, offset: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafe(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  return bytes.subarray(0, bytesRead);
};

/** Whether the entry that ends here was printed at that very nanosecond: then it is the same file as before. */
const endsWithTime = async (file: FileHandle, place: Place): Promise<boolean> => {
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
  let file: FileHandle | null = null;
  let place: Place = { ino: 0, offset: 0, time: "", middle: { stdout: false, stderr: false } };
  let lost = false;
  /** Lines up to this time were read in an earlier life. */
  let seenUntil: string | null = null;

  const use = (next: FileHandle, changes: Partial<Place> = {}): void => {
    file = next;
    place = { ...place, ino: fstatSync(next.fd).ino, offset: 0, ...changes };
  };

  if (wanted)
    for (const one of await chainOf(path)) {
      const candidate = await openIfThere(one);
      if (!candidate) continue;
      const { ino, size } = fstatSync(candidate.fd);
      if (ino === wanted.ino && size >= wanted.offset && (await endsWithTime(candidate, wanted))) {
        use(candidate, wanted);
        break;
      }
      await candidate.close();
    }
  if (!file) {
    const chain = await chainOf(path);
    // As many as the engine keeps: there may have been more.
    lost = wanted === null && chain.length >= logFiles;
    for (const one of chain) {
      const oldest = await openIfThere(one);
      if (!oldest) continue;
      use(oldest);
      break;
    }
    if (!file) return null;
    if (wanted && wanted.time !== "") {
      place.time = wanted.time;
      seenUntil = comparableTime(wanted.time);
    }
  }

  /** To the next newer file, once this one is read to its end. @returns false when this is the newest */
  const moveOn = async (): Promise<boolean> => {
    for (let attempt = 1; ; attempt++) {
      const inos = (await chainOf(path)).map((one) => ({ one, ino: sizeAndIno(one)?.ino }));
      const at = inos.findIndex(({ ino }) => ino === place.ino);
      const following = inos.slice(at + 1).find(({ ino }) => ino !== undefined);
      if (!following) return false;
      const next = await openIfThere(following.one);
      // Rotated again in between: the name is another file's by now.
      const isThat = next !== null && fstatSync(next.fd).ino === following.ino;
      if (!isThat && attempt < mostAttempts) {
        await next?.close();
        continue;
      }
      if (!next) return false;
      // Gone: as many files as are kept were filled meanwhile, and perhaps more.
      if (at === -1 || !isThat) lost = true;
      await file!.close();
      use(next);
      return true;
    }
  };

  /** Whole entries, about `most` bytes of them. Empty at the end of what is there. */
  const nextBytes = async (most: number): Promise<Buffer> => {
    for (;;) {
      const left = fstatSync(file!.fd).size - place.offset;
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
      if (fstatSync(file!.fd).size > place.offset + bytes.length) continue;
      if (!(await moveOn())) return bytes.subarray(0, 0);
    }
  };

  const backlogBytes = (): number => {
    const own = fstatSync(file!.fd).size - place.offset;
    const newest = sizeAndIno(path);
    return own + (newest && newest.ino !== place.ino ? newest.size : 0);
  };

  return {
    changed() {
      const newest = sizeAndIno(path);
      if (newest === null) return fstatSync(file!.fd).size > place.offset;
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
        const jump = Math.min(left, fstatSync(file!.fd).size - place.offset - longestEntry);
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
    position: () => placeText(place),
    close: async () => file!.close(),
  };
};
