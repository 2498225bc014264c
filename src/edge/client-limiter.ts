import { createBucket, takeToken, type TokenBucket } from "./limiter.ts";

/** One token bucket per visitor's address. Bounded: the one longest without a request is forgotten first. */
export interface ClientLimiter {
  perMinute: number;
  buckets: Map<string, TokenBucket>;
}

const mostClients = 20_000;

/** The limiter under a changed limit; the same one while it is the same limit. */
export const changeClientLimiter = (
  limiter: ClientLimiter | null,
  perMinute: number | null | undefined,
): ClientLimiter | null => {
  if (perMinute == null) return null;
  return limiter?.perMinute === perMinute ? limiter : { perMinute, buckets: new Map() };
};

/** @returns 0 when the visitor may, otherwise the whole seconds until it may */
export const takeClientToken = (limiter: ClientLimiter, address: string, nowMs: number): number => {
  const { buckets } = limiter;
  const key = clientKey(address);
  let bucket = buckets.get(key);
  if (bucket === undefined) {
    if (buckets.size >= mostClients) buckets.delete(buckets.keys().next().value!);
    bucket = createBucket(limiter.perMinute, nowMs);
  } else buckets.delete(key);
  // Last in the order: just used.
  buckets.set(key, bucket);
  return takeToken(bucket, nowMs);
};

/** A customer's IPv6 network is a /64 at least, in which addresses cost nothing: it counts as one visitor. */
export const clientKey = (address: string): string => {
  if (!address.includes(":")) return address;
  const [before, after] = address.split("%", 1)[0]!.split("::") as [string, string | undefined];
  const groups = before === "" ? [] : before.split(":");
  if (after !== undefined) {
    const rest = after === "" ? 0 : after.split(":").length;
    while (groups.length < 8 - rest) groups.push("0");
    if (after !== "") groups.push(...after.split(":"));
  }
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
};
