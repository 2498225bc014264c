import { ascii } from "../byte-classes.ts";
import { foldPath } from "./fold-path.ts";
import { entryOf, type PathCounts, type PathEntry } from "./path-counts.ts";

/**
 * What is known of methods and paths that were asked for lately, by their bytes: folding a path and putting it into
 * words for the log costs as much as all else together, and most requests ask for what others did. A table of fixed
 * size in which one takes another's place.
 */
export interface SeenPath {
  readonly counts: PathCounts | null;
  /** `GET /path`, as received, without the query. */
  readonly key: Uint8Array;
  readonly method: string;
  readonly pattern: string;
  /** Null when it was not among the entries. */
  entry: PathEntry | null;
  /** `"method":"GET","path":"/path","status":` */
  readonly words: Uint8Array;
}

export type SeenPaths = (SeenPath | undefined)[];

const slots = 4096;
/** Longer ones are not kept: they are rare, and what is kept is bounded. */
const longestKey = 256;
const longestLogged = 2048;

export const createSeenPaths = (): SeenPaths => new Array<SeenPath | undefined>(slots).fill(undefined);

const space = 0x20;
const question = 0x3f;

/**
 * @param line a request line with its target in origin form, from its first byte
 * @param counts of the request's route; null when its paths are not counted
 */
export const seePath = (seen: SeenPaths, counts: PathCounts | null, line: Uint8Array): SeenPath => {
  let at = 0;
  let hash = 0x811c9dc5;
  // FNV-1a over method, blank and path.
  for (let byte = line[0]!; byte !== space; byte = line[++at]!) hash = Math.imul(hash ^ byte, 0x01000193);
  const methodEnd = at;
  for (let byte = line[++at]!; byte !== space && byte !== question; byte = line[++at]!)
    hash = Math.imul(hash ^ byte, 0x01000193);
  const slot = (hash ^ (hash >>> 15)) & (slots - 1);
  const known = seen[slot];
  if (known !== undefined && known.counts === counts && isSame(known.key, line, at)) return known;
  const one = describe(counts, line, methodEnd, at);
  if (at <= longestKey) seen[slot] = one;
  return one;
};

const isSame = (key: Uint8Array, line: Uint8Array, length: number): boolean => {
  if (key.length !== length) return false;
  for (let i = 0; i < length; i++) if (key[i] !== line[i]) return false;
  return true;
};

const methods = new Set(
  "GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT SEARCH QUERY".split(
    " ",
  ),
);

const describe = (counts: PathCounts | null, line: Uint8Array, methodEnd: number, end: number): SeenPath => {
  const text = Buffer.from(line.buffer, line.byteOffset, end).toString("latin1");
  const method = text.slice(0, methodEnd);
  const path = text.slice(methodEnd + 1);
  const logged = path.length > longestLogged ? `${path.slice(0, longestLogged)}...` : path;
  return {
    counts,
    key: end <= longestKey ? ascii(text) : new Uint8Array(),
    method: methods.has(method) ? method : "OTHER",
    pattern: counts === null ? "" : foldPath(path),
    entry: null,
    words: ascii(`"method":${JSON.stringify(method)},"path":${JSON.stringify(logged)},"status":`),
  };
};

/** Where a request is counted: its own entry, or the one for all others. */
export const entryFor = (seen: SeenPath, counts: PathCounts): PathEntry => {
  const { entry } = seen;
  if (entry !== null && entry.alive) return entry;
  const found = entryOf(counts, seen.method, seen.pattern);
  seen.entry = found === counts.other ? null : found;
  return found;
};
