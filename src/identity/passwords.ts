import { AppError } from "../errors.ts";

/** OWASP's second choice for argon2id (19 MiB, two passes): about 25 ms of one core, 38 MiB for two at a time. */
const argon2id = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
const current = "$argon2id$v=19$m=19456,t=2,p=1$";

/** Verified when there is no such user, so that the answer takes just as long. Nobody knows what it hashes. */
const nobodysHash = `${current}fBTcxbKSnyyZfENC2XMq2A0j2AM8nDmhJMTymd1aeBk$37E+Dlhzq7nzD4QLO6glzxAS64QEFY0/5Ph5tR8GLVY`;

/** Each lane has its own places to wait; `known` goes first, so that a flood of strangers delays nobody else. */
export type Lane = "known" | "stranger";

export interface Passwords {
  hash(password: string): Promise<string>;
  /**
   * `storedHash` is argon2 or bcrypt, null for a user that does not exist.
   * @returns whether it fits, and a new hash to store when the old one is of an older kind
   */
  verify(
    password: string,
    storedHash: string | null,
    lane?: Lane,
  ): Promise<{ ok: boolean; upgradedHash: string | null }>;
}

export interface PasswordOptions {
  concurrent?: number;
  waiting?: number;
}

/**
 * Hashes and verifies off the main loop, a few at a time.
 * @throws AppError `rate_limited` when too many wait already: memory and processor stay bounded whoever knocks
 */
export const createPasswords = ({ concurrent = 2, waiting = 20 }: PasswordOptions = {}): Passwords => {
  let running = 0;
  const lanes: Record<Lane, (() => void)[]> = { known: [], stranger: [] };

  const inTurn = async <T>(lane: Lane, work: () => Promise<T>): Promise<T> => {
    const queue = lanes[lane];
    if (running >= concurrent) {
      if (queue.length >= waiting)
        throw new AppError("rate_limited", "too many sign-ins at once; try again in a moment", {
          retryAfterSeconds: 2,
        });
      // Whoever finishes hands its place over, so `running` is not touched in between.
      await new Promise<void>((resolve) => queue.push(resolve));
    } else running++;
    try {
      return await work();
    } finally {
      const next = lanes.known.shift() ?? lanes.stranger.shift();
      if (next) next();
      else running--;
    }
  };

  return {
    hash: (password) => inTurn("known", () => Bun.password.hash(password, argon2id)),
    verify: (password, storedHash, lane = "stranger") =>
      inTurn(lane, async () => {
        const ok = await Bun.password.verify(password, storedHash ?? nobodysHash);
        if (!ok || storedHash === null) return { ok: false, upgradedHash: null };
        const outdated = !storedHash.startsWith(current);
        return { ok, upgradedHash: outdated ? await Bun.password.hash(password, argon2id) : null };
      }),
  };
};
