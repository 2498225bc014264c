import { COLON, hostBytes, ipLiteralBytes } from "./byte-classes.ts";
import { textOf } from "./fields.ts";

/**
 * Checks `uri-host [":" port]` (RFC 9110 section 7.2) without user info and percent-encoding.
 * @returns where the host ends (before the port), or -1 when it is not an authority
 */
export const hostEndOf = (input: Uint8Array, from: number, to: number): number => {
  if (to <= from || to - from > 255) return -1;
  let at = from;
  if (input[at] === 0x5b) {
    at++;
    while (at < to && ipLiteralBytes[input[at]!] === 1) at++;
    if (at >= to || input[at] !== 0x5d || at === from + 1) return -1;
    at++;
  } else {
    while (at < to && hostBytes[input[at]!] === 1) at++;
    if (at === from) return -1;
  }
  if (at === to) return at;
  if (input[at] !== COLON || to - at > 6) return -1;
  let port = 0;
  for (let i = at + 1; i < to; i++) {
    if (input[i]! < 0x30 || input[i]! > 0x39) return -1;
    port = port * 10 + input[i]! - 0x30;
  }
  // Apps that make a URL of the host fail on a port that there is not.
  return port > 65_535 ? -1 : at;
};

/** The name that routes are looked up by: lower case, without port and without the root's dot. */
export const routeName = (input: Uint8Array, from: number, hostEnd: number): string => {
  const name = textOf(input, from, hostEnd).toLowerCase();
  return name.endsWith(".") ? name.slice(0, -1) : name;
};
