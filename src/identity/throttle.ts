import type { Clock } from "../domain/clock.ts";
import { AppError } from "../errors.ts";

export interface ThrottleOptions {
  /** Attempts that may come at once. */
  burst: number;
  /** Time after which one more is allowed. */
  refillMs: number;
  /** Keys remembered; past it the one longest unused is forgotten. */
  maxKeys?: number;
}

export interface Throttle {
  /** @throws AppError `rate_limited` with the seconds to wait, when nothing is left for this key */
  take(key: string): void;
  /** The same as a question: false when nothing is left. */
  tryTake(key: string): boolean;
  /** Gives one back, for an attempt that was honest after all. */
  giveBack(key: string): void;
}

/**
 * Token buckets in memory. An attempt is paid for before it is made, so a thousand at once do not slip through
 * together; only a right one is paid back.
 */
export const createThrottle = (clock: Clock, options: ThrottleOptions): Throttle => {
  const { burst, refillMs, maxKeys = 10_000 } = options;
  const buckets = new Map<string, { left: number; atMs: number }>();

  const bucketOf = (key: string) => {
    const nowMs = clock.monotonicMs();
    const known = buckets.get(key);
    const bucket = known
      ? { left: Math.min(burst, known.left + (nowMs - known.atMs) / refillMs), atMs: nowMs }
      : { left: burst, atMs: nowMs };
    // Deleting first moves the key to the end: a Map keeps the order of insertion.
    buckets.delete(key);
    buckets.set(key, bucket);
    if (buckets.size > maxKeys) buckets.delete(buckets.keys().next().value!);
    return bucket;
  };

  const tryTake = (key: string): boolean => {
    const bucket = bucketOf(key);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  };

  return {
    tryTake,
    take: (key) => {
      if (tryTake(key)) return;
      const waitSeconds = Math.max(1, Math.ceil(((1 - bucketOf(key).left) * refillMs) / 1000));
      throw new AppError("rate_limited", `too many attempts; try again in ${waitSeconds} s`, {
        retryAfterSeconds: waitSeconds,
      });
    },
    giveBack: (key) => {
      const bucket = bucketOf(key);
      bucket.left = Math.min(burst, bucket.left + 1);
    },
  };
};

/** What counts as one address: an IPv4 address, or the /64 that one IPv6 host can choose from freely. */
export const addressKey = (ip: string | null): string => {
  if (ip === null) return "unknown";
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip);
  if (mapped) return mapped[1]!;
  if (!ip.includes(":")) return ip;
  const [head = "", tail] = ip.toLowerCase().split("%")[0]!.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail ? tail.split(":") : [];
  const zeros =
    tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0");
  return `${[...left, ...zeros, ...right]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
};
