/**
 * Token bucket of one process: a whole minute's requests may come at once, then one token every `60 / perMinute`
 * seconds. Time is monotonic.
 */
export interface TokenBucket {
  perMinute: number;
  tokens: number;
  filledAtMs: number;
}

export const createBucket = (perMinute: number, nowMs: number): TokenBucket => ({
  perMinute,
  tokens: perMinute,
  filledAtMs: nowMs,
});

/** @returns 0 when a token was taken, otherwise the whole seconds until there is one (for `Retry-After`) */
export const takeToken = (bucket: TokenBucket, nowMs: number): number => {
  const perMs = bucket.perMinute / 60_000;
  bucket.tokens = Math.min(bucket.perMinute, bucket.tokens + Math.max(0, nowMs - bucket.filledAtMs) * perMs);
  bucket.filledAtMs = nowMs;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return 0;
  }
  if (perMs === 0) return 60;
  return Math.max(1, Math.ceil((1 - bucket.tokens) / perMs / 1000));
};
