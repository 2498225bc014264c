/**
 * Latencies counted in buckets whose bounds grow by 4 %: they add up over time, routes and processes, and a
 * quantile read from them is at most 2 % off (averages and quantiles themselves do not add up). The same idea as
 * DDSketch (Masson et al., VLDB 2019) with fixed bounds.
 */
const firstMs = 0.02;
const ratio = 1.04;
const longestMs = 600_000;

const perStep = 1 / Math.log(ratio);
const bounds = Math.ceil(Math.log(longestMs / firstMs) * perStep) + 1;

/** Upper bounds of the buckets in ms, 0.02 to above 600,000; one more bucket counts everything above. */
export const latencyBoundsMs: readonly number[] = Array.from(
  { length: bounds },
  (_, i) => firstMs * ratio ** i,
);

/** Counts per bucket of `latencyBoundsMs` and one overflow bucket. */
export const latencyBuckets = bounds + 1;

/** The bucket whose upper bound is the smallest one not below `ms`. */
export const latencyBucketOf = (ms: number): number => {
  if (!(ms > firstMs)) return 0;
  const at = Math.ceil(Math.log(ms / firstMs) * perStep - 1e-9);
  return at < bounds ? at : bounds;
};

/** What stands for the times of a bucket: its geometric middle, at most 2 % from either bound. */
const middleMs = (bucket: number): number =>
  bucket === 0
    ? firstMs
    : bucket >= bounds
      ? latencyBoundsMs.at(-1)!
      : Math.sqrt(latencyBoundsMs[bucket - 1]! * latencyBoundsMs[bucket]!);

/**
 * A quantile by nearest rank, at most 2 % off from 0.02 ms to 10 minutes.
 * @returns milliseconds, null when nothing was counted
 */
export const latencyQuantile = (counts: ArrayLike<number>, quantile: number): number | null => {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i]!;
  if (total === 0) return null;
  let rank = Math.max(1, Math.ceil(quantile * total));
  for (let bucket = 0; bucket < counts.length; bucket++) {
    rank -= counts[bucket]!;
    if (rank <= 0) return middleMs(bucket);
  }
  return middleMs(bounds);
};

/** How many took at most each of `boundsMs` (ascending): those around a bound by the middle of their bucket, 2 % off. */
export const latencyUpTo = (counts: readonly number[], boundsMs: readonly number[]): number[] => {
  let bucket = 0;
  let sum = 0;
  return boundsMs.map((bound) => {
    for (; bucket < bounds && middleMs(bucket) <= bound; bucket++) sum += counts[bucket] ?? 0;
    return sum;
  });
};

const varint = (bytes: number[], value: number): void => {
  // by division, since counts outgrow the 32 bits of JavaScript's shifts
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  bytes.push(value);
};

/**
 * Names the buckets that an encoding counts in. The first scheme (bounds growing by 12 %) had no such byte and begins
 * with one below 128: how many buckets are skipped.
 */
const scheme = 0x82;

/**
 * Sparse form for database, files and sockets: the scheme, then runs of (empty buckets skipped, length of the run,
 * its counts) as LEB128 varints. A quiet half minute takes 0 bytes, a busy one about 80.
 */
export const encodeLatency = (counts: readonly number[]): Uint8Array => {
  const bytes: number[] = [];
  for (let at = 0, from = 0; at < counts.length; from = at) {
    while (at < counts.length && counts[at] === 0) at++;
    const start = at;
    while (at < counts.length && counts[at] !== 0) at++;
    if (at === start) break;
    if (bytes.length === 0) bytes.push(scheme);
    varint(bytes, start - from);
    varint(bytes, at - start);
    for (let bucket = start; bucket < at; bucket++) varint(bytes, counts[bucket]!);
  }
  return new Uint8Array(bytes);
};

/**
 * Adds what `encodeLatency` made, now or in the first scheme, to `into`, so that many rows are summed without an
 * array for each.
 * @throws RangeError when the bytes are of an unknown scheme, end within a number or hold too many buckets
 */
export const addEncodedLatency = (into: number[], encoded: Uint8Array): void => {
  if (encoded.length === 0) return;
  const coarse = encoded[0]! < 128;
  if (!coarse && encoded[0] !== scheme) throw new RangeError("latency histogram of an unknown scheme");
  let offset = coarse ? 0 : 1;
  const read = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = encoded[offset++];
      if (byte === undefined) throw new RangeError("latency histogram ends inside a number");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  const most = coarse ? coarseBuckets : latencyBuckets;
  for (let bucket = 0; offset < encoded.length;) {
    bucket += read();
    for (let run = coarse ? 1 : read(); run > 0; run--, bucket++) {
      const count = read();
      if (bucket >= most) throw new RangeError("latency histogram has too many buckets");
      const at = coarse ? fineBucketOf(bucket) : bucket;
      into[at] = (into[at] ?? 0) + count;
    }
  }
};

/** The first scheme: 120 bounds from 0.25 ms, each 12 % above the last, and an overflow bucket. */
export const coarseBuckets = 121;

/** Where the counts of a bucket of the first scheme belong: at its middle. */
export const fineBucketOf = (coarse: number): number =>
  coarse >= coarseBuckets - 1 ? bounds : latencyBucketOf(0.25 * 1.12 ** (coarse - 0.5));

export const emptyLatency = (): number[] => new Array<number>(latencyBuckets).fill(0);

export const decodeLatency = (encoded: Uint8Array): number[] => {
  const counts = emptyLatency();
  addEncodedLatency(counts, encoded);
  return counts;
};

/** The same as text, for JSON. */
export const latencyText = (counts: readonly number[]): string =>
  Buffer.from(encodeLatency(counts)).toString("base64");

/** @throws RangeError as `addEncodedLatency` does */
export const latencyOfText = (text: string): number[] => decodeLatency(Buffer.from(text, "base64"));
