import { timingSafeEqual } from "node:crypto";

/** Crockford base 32, lower case: five bits a character, none of which look alike or need quoting anywhere. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** @returns `length` random characters, five bits each */
export const randomText = (length: number): string => {
  let text = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(length))) text += alphabet[byte & 31];
  return text;
};

/**
 * What the database keeps of a token. Plain SHA-256 is enough, and fast enough for every request: tokens are
 * random and long, so there is nothing to guess that a slow hash would protect.
 * @returns 64 hex digits
 */
export const hashToken = (token: string): string =>
  new Bun.CryptoHasher("sha256").update(token).digest("hex");

/** Compares in a time that tells nothing about where the two differ, nor how long the expected one is. */
export const sameSecret = (given: string, expected: string): boolean =>
  timingSafeEqual(Buffer.from(hashToken(given)), Buffer.from(hashToken(expected)));
