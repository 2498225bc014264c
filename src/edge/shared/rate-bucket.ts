import { cellOf, type SharedMemory } from "./memory.ts";

/**
 * A token bucket that all processes of the edge take from: a whole minute's requests may come at once, then one every
 * `60 / perMinute` seconds. Kept as the one moment at which it would be full again (the generic cell rate algorithm,
 * ITU-T I.371), so that a compare-and-swap takes a token. Times are in units of which a token's interval has a whole
 * number, modulo 2^32.
 */
export interface RateBucket {
  readonly perMinute: number;
  readonly memory: SharedMemory;
  readonly cells: Int32Array;
  readonly at: number;
}

const unitsPerToken = 64;
/** Beyond what an edge can serve, and what the units can count. */
export const mostPerMinute = 4_000_000;
/** How far the clocks of two processes may be apart. */
const slackMs = 5_000;

/**
 * The route's bucket under this limit; null: it has none.
 * @param before under another limit: the new one is filled to the same part
 */
export const rateBucket = (
  memory: SharedMemory,
  routeId: string,
  perMinute: number | null,
  before: RateBucket | null,
  nowMs: number,
): RateBucket | null => {
  if (perMinute === null || perMinute > mostPerMinute) return null;
  if (before?.perMinute === perMinute) return before;
  const { at, isNew } = cellOf(memory.bucketKeys, bucketKey(routeId, perMinute));
  const bucket: RateBucket =
    at < 0
      ? { perMinute, memory, cells: new Int32Array(1), at: 0 }
      : { perMinute, memory, cells: memory.buckets, at };
  const now = unitsAt(bucket, nowMs);
  const own = at < 0 || isNew ? 0 : usedUnits(bucket, now, Atomics.load(bucket.cells, bucket.at));
  const carried = before === null ? 0 : Math.round(usedPart(before, nowMs) * perMinute * unitsPerToken);
  // Otherwise others are taking from it already.
  if (at < 0 || isNew || carried > own)
    Atomics.store(bucket.cells, bucket.at, (now + Math.max(own, carried)) | 0);
  return bucket;
};

export const bucketKey = (routeId: string, perMinute: number): string => `${perMinute} ${routeId}`;

/** @returns 0 when a token was taken, otherwise the whole seconds until there is one (for `Retry-After`) */
export const takeShared = (bucket: RateBucket, nowMs: number): number => {
  const { perMinute, cells, at } = bucket;
  if (perMinute === 0) return 60;
  const now = unitsAt(bucket, nowMs);
  for (;;) {
    const fullAt = Atomics.load(cells, at);
    const used = usedUnits(bucket, now, fullAt);
    const missing = used + unitsPerToken - perMinute * unitsPerToken;
    if (missing > 0) return Math.max(1, Math.ceil((missing * 60) / (perMinute * unitsPerToken)));
    if (Atomics.compareExchange(cells, at, fullAt, (now + used + unitsPerToken) | 0) === fullAt) return 0;
  }
};

/** Whole tokens that are there. */
export const tokensIn = (bucket: RateBucket, nowMs: number): number =>
  Math.floor((1 - usedPart(bucket, nowMs)) * bucket.perMinute);

const usedPart = (bucket: RateBucket, nowMs: number): number =>
  bucket.perMinute === 0
    ? 1
    : Math.min(
        1,
        usedUnits(bucket, unitsAt(bucket, nowMs), Atomics.load(bucket.cells, bucket.at)) /
          (bucket.perMinute * unitsPerToken),
      );

const unitsAt = ({ perMinute, memory }: RateBucket, nowMs: number): number =>
  Math.floor(((nowMs + memory.clockOffsetMs) * perMinute * unitsPerToken) / 60_000) | 0;

/** A moment long past, or further ahead than a bucket can be emptied, is one of an earlier round of the clock. */
const usedUnits = ({ perMinute }: RateBucket, now: number, fullAt: number): number => {
  const ahead = (fullAt - now) | 0;
  const most = perMinute * unitsPerToken * (1 + slackMs / 60_000);
  return ahead < 0 || ahead > most ? 0 : ahead;
};
