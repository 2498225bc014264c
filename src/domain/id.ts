/** Prefixes of identifiers that leave the process. */
export type IdPrefix =
  | "usr"
  | "ses"
  | "key"
  | "org"
  | "site"
  | "env"
  | "vol"
  | "dep"
  | "rel"
  | "rep"
  | "hook"
  | "bld"
  | "aud"
  | "sec"
  | "bak"
  | "dom"
  | "crt"
  | "dns"
  | "evt"
  | "job"
  | "run"
  | "proc"
  | "lnk";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * A prefixed, sortable id: 48 bits of milliseconds, 80 random bits, Crockford base 32 (as a ULID, lower case).
 * Ids made in the same millisecond sort in no particular order.
 */
export const newId = (prefix: IdPrefix, nowMs: number = Date.now()): string => {
  let time = "";
  for (let rest = nowMs, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = alphabet[rest % 32] + time;
  let random = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) random += alphabet[byte & 31];
  return `${prefix}_${time}${random}`;
};
