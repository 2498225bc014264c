import { latencyBuckets, latencyBucketOf } from "../../domain/latency-histogram.ts";
import { addCounts } from "../../domain/request-counts.ts";

/** What visitors asked for by method and pattern, of one route in one hour. */
export interface PathCounts {
  readonly entries: Map<string, PathEntry>;
  /** All that has no entry of its own; the sums of a route are whole. */
  readonly other: PathEntry;
  /** Who is not among the entries gets there by coming again; null while there is room. */
  candidates: Candidates | null;
  /** No entry's weight is below it. */
  leastWeight: number;
}

export interface PathEntry {
  readonly method: string;
  readonly pattern: string;
  /** Still among the entries. */
  alive: boolean;
  /** How often it is asked for, over hours, the last one counting most: what decides who stays. */
  weight: number;
  requests: number;
  status2xx: number;
  status3xx: number;
  status4xx: number;
  status5xx: number;
  bytesIn: number;
  bytesOut: number;
  latencySumMs: number;
  /** Counts of `latencyBoundsMs` in pages, most of which nobody needs. */
  readonly latency: (Uint32Array | null)[];
}

/** More than are shown: sums over hours need those that are not at the top in each. */
export const mostEntries = 100;

const pageBits = 5;
const pageSize = 1 << pageBits;
const pages = Math.ceil(latencyBuckets / pageSize);

const createEntry = (method: string, pattern: string, weight = 0): PathEntry => ({
  method,
  pattern,
  alive: true,
  weight,
  requests: 0,
  status2xx: 0,
  status3xx: 0,
  status4xx: 0,
  status5xx: 0,
  bytesIn: 0,
  bytesOut: 0,
  latencySumMs: 0,
  latency: new Array<Uint32Array | null>(pages).fill(null),
});

export const createPathCounts = (): PathCounts => ({
  entries: new Map(),
  other: createEntry("", ""),
  candidates: null,
  leastWeight: 0,
});

/** @param ms null for what was not finished, or was no answer in time but a conversation */
export const countPath = (
  entry: PathEntry,
  status: number,
  bytesIn: number,
  bytesOut: number,
  ms: number | null,
): void => {
  entry.weight++;
  entry.requests++;
  if (status >= 500) entry.status5xx++;
  else if (status >= 400) entry.status4xx++;
  else if (status >= 300) entry.status3xx++;
  else if (status >= 200) entry.status2xx++;
  entry.bytesIn += bytesIn;
  entry.bytesOut += bytesOut;
  if (ms === null) return;
  entry.latencySumMs += ms;
  const bucket = latencyBucketOf(ms);
  const page = (entry.latency[bucket >> pageBits] ??= new Uint32Array(pageSize));
  page[bucket & (pageSize - 1)]!++;
};

/** As one array; see `latencyBoundsMs`. */
export const latencyOf = (entry: PathEntry): number[] => {
  const counts = new Array<number>(latencyBuckets).fill(0);
  entry.latency.forEach((page, at) => {
    if (page !== null)
      for (let i = 0; i < pageSize; i++) if (page[i]! > 0) counts[at * pageSize + i] = page[i]!;
  });
  return counts;
};

/**
 * The entry of a method and pattern; the one for all others when there is no room and it was not asked for more
 * often than one that is here. So a flood of ever new paths moves nobody out.
 */
export const entryOf = (counts: PathCounts, method: string, pattern: string): PathEntry => {
  const { entries } = counts;
  const key = `${method} ${pattern}`;
  const present = entries.get(key);
  if (present !== undefined) return present;
  let weight = 0;
  if (entries.size >= mostEntries) {
    counts.candidates ??= createCandidates();
    weight = noteCandidate(counts.candidates, key);
    if (weight <= counts.leastWeight) return counts.other;
    const [leastKey, least] = leastOf(entries);
    counts.leastWeight = least.weight;
    if (weight <= least.weight) return counts.other;
    entries.delete(leastKey);
    least.alive = false;
    moveInto(counts.other, least);
  }
  const entry = createEntry(method, pattern, weight);
  entries.set(key, entry);
  return entry;
};

const leastOf = (entries: Map<string, PathEntry>): [string, PathEntry] => {
  let least: [string, PathEntry] | null = null;
  for (const one of entries) if (least === null || one[1].weight < least[1].weight) least = one;
  return least!;
};

const moveInto = (into: PathEntry, from: PathEntry): void => {
  addCounts(into, from);
  from.latency.forEach((page, at) => {
    if (page === null) return;
    const sum = (into.latency[at] ??= new Uint32Array(pageSize));
    for (let i = 0; i < pageSize; i++) sum[i]! += page[i]!;
  });
};

/** Begins an hour: counts from zero, and lets go who was not asked for at all. */
export const beginHour = (counts: PathCounts): void => {
  for (const [key, entry] of counts.entries) {
    const idle = entry.requests === 0;
    clear(entry);
    entry.weight = Math.floor(entry.weight / 2);
    if (!idle) continue;
    counts.entries.delete(key);
    entry.alive = false;
  }
  clear(counts.other);
  counts.candidates = null;
  counts.leastWeight = 0;
};

const clear = (entry: PathEntry): void => {
  entry.requests = 0;
  entry.status2xx = 0;
  entry.status3xx = 0;
  entry.status4xx = 0;
  entry.status5xx = 0;
  entry.bytesIn = 0;
  entry.bytesOut = 0;
  entry.latencySumMs = 0;
  entry.latency.fill(null);
};

/**
 * Counts how often those without an entry came, in a table of fixed size: who finds another one in its place wears
 * that one down by one and takes the place when nothing is left of it.
 */
interface Candidates {
  readonly hashes: Int32Array;
  readonly counts: Int32Array;
}

const candidateSlots = 1024;

const createCandidates = (): Candidates => ({
  hashes: new Int32Array(candidateSlots),
  counts: new Int32Array(candidateSlots),
});

/** @returns how often it came, as far as is known */
const noteCandidate = ({ hashes, counts }: Candidates, key: string): number => {
  const hash = Bun.hash.xxHash32(key) | 0;
  const slot = hash & (candidateSlots - 1);
  if (hashes[slot] === hash) return ++counts[slot]!;
  if (counts[slot]! > 0) {
    counts[slot]!--;
    return 0;
  }
  hashes[slot] = hash;
  counts[slot] = 1;
  return 1;
};
