import type { SharedMemory } from "./shared/memory.ts";

/**
 * A token bucket for each visitor's address, that all processes of the edge take from, kept as `rate-bucket` does: the
 * moment at which it would be full again, under a hash of whose it is. A cell whose moment is past is as good as none,
 * so that memory is bounded: where there is no free one near, the fullest bucket is forgotten.
 */
export interface ClientLimiter {
  readonly routeId: string;
  readonly perMinute: number;
  readonly memory: SharedMemory;
}

/** The limiter under a changed limit; the same one while it is the same limit. */
export const changeClientLimiter = (
  memory: SharedMemory,
  routeId: string,
  limiter: ClientLimiter | null,
  perMinute: number | null | undefined,
): ClientLimiter | null => {
  if (perMinute == null) return null;
  return limiter?.perMinute === perMinute ? limiter : { routeId, perMinute, memory };
};

const unitsPerMs = 64;
/** How far the clocks of two processes may be apart. */
const slackMs = 5_000;
const mostAhead = (60_000 + slackMs) * unitsPerMs;

/** @returns 0 when the visitor may, otherwise the whole seconds until it may */
export const takeClientToken = (limiter: ClientLimiter, address: string, nowMs: number): number => {
  const { memory, perMinute } = limiter;
  if (perMinute === 0) return 60;
  const { clientTimes } = memory;
  const now = Math.floor((nowMs + memory.clockOffsetMs) * unitsPerMs) | 0;
  const at = cellFor(limiter, address, now);
  const interval = Math.max(1, Math.round((60_000 * unitsPerMs) / perMinute));
  for (;;) {
    const fullAt = Atomics.load(clientTimes, at);
    const used = aheadOf(fullAt, now);
    const missing = used + interval - interval * perMinute;
    if (missing > 0) return Math.max(1, Math.ceil(missing / unitsPerMs / 1000));
    if (Atomics.compareExchange(clientTimes, at, fullAt, (now + used + interval) | 0) === fullAt) return 0;
  }
};

/** 0 when the moment is past, or of an earlier round of the clock. */
const aheadOf = (fullAt: number, now: number): number => {
  const ahead = (fullAt - now) | 0;
  return ahead < 0 || ahead > mostAhead ? 0 : ahead;
};

const probes = 8;

const cellFor = ({ memory, routeId, perMinute }: ClientLimiter, address: string, now: number): number => {
  const { clientKeys, clientTimes } = memory;
  // With a secret: nobody can look for an address that shares somebody else's cell.
  const hash = BigInt(Bun.hash(`${perMinute} ${routeId} ${clientKey(address)}`, memory.secret[0]!));
  const key = Number(BigInt.asIntN(32, hash)) || 1;
  const start = Number(hash >> 32n) % clientKeys.length;
  let best = start;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < probes; i++) {
    const at = (start + i) % clientKeys.length;
    const present = Atomics.load(clientKeys, at);
    if (present === key) return at;
    const used = present === 0 ? -1 : aheadOf(Atomics.load(clientTimes, at), now);
    if (used < least) [best, least] = [at, used];
  }
  Atomics.store(clientTimes, best, now);
  Atomics.store(clientKeys, best, key);
  return best;
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
