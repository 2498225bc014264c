import { latencyBoundsMs } from "./edge.ts";

/** Counts per bucket of `latencyBoundsMs` and one overflow bucket; they add up, averages do not. */
export const latencyBuckets = latencyBoundsMs.length + 1;

const varint = (bytes: number[], value: number): void => {
  // by division, since counts outgrow the 32 bits of JavaScript's shifts
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  bytes.push(value);
};

/**
 * Sparse form for the database: pairs of (empty buckets skipped, count) as LEB128 varints. A quiet half minute
 * takes 0 bytes, a busy one about 40.
 */
export const encodeLatency = (counts: readonly number[]): Uint8Array => {
  const bytes: number[] = [];
  let skipped = 0;
  for (const count of counts) {
    if (count === 0) {
      skipped++;
      continue;
    }
    varint(bytes, skipped);
    varint(bytes, count);
    skipped = 0;
  }
  return new Uint8Array(bytes);
};

/**
 * Adds what `encodeLatency` made to `into`, so that many rows are summed without an array for each.
 * @throws RangeError when the bytes hold more buckets than there are
 */
export const addEncodedLatency = (into: number[], encoded: Uint8Array): void => {
  let offset = 0;
  const read = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = encoded[offset++];
      if (byte === undefined) throw new RangeError("latency histogram ends inside a number");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  for (let bucket = 0; offset < encoded.length; bucket++) {
    bucket += read();
    const count = read();
    if (bucket >= latencyBuckets) throw new RangeError("latency histogram has too many buckets");
    into[bucket] = (into[bucket] ?? 0) + count;
  }
};

export const emptyLatency = (): number[] => new Array<number>(latencyBuckets).fill(0);

export const decodeLatency = (encoded: Uint8Array): number[] => {
  const counts = emptyLatency();
  addEncodedLatency(counts, encoded);
  return counts;
};
