import { isIP } from "node:net";

/** The network that an address is in, as far as it names nobody: IPv4 by /24, IPv6 by /48. */
export const networkOf = (address: string): string => {
  if (isIP(address) === 4) return `${address.slice(0, address.lastIndexOf("."))}.0`;
  if (isIP(address) !== 6) return "";
  const [left = "", right] = address.replace(/%.*$/, "").split("::");
  const groups = left === "" ? [] : left.split(":");
  if (right !== undefined) {
    const tail = right === "" ? 0 : right.split(":").length + (right.includes(".") ? 1 : 0);
    while (groups.length + tail < 8) groups.push("0");
  }
  const first = groups.slice(0, 3).map((group) => Number.parseInt(group, 16).toString(16));
  while (first.at(-1) === "0") first.pop();
  return `${first.join(":")}::`;
};

/** Only which site a visitor came from: scheme and host, nothing of whom or what. Null where it says no such thing. */
export const originOf = (referer: string): string | null =>
  /^(https?:\/\/)(?:[^/?#@]*@)*([A-Za-z0-9._:[\]-]{1,255})(?:[/?#]|$)/i.exec(referer)?.slice(1, 3).join("") ??
  null;

/** A whole referrer without name and password. */
export const withoutUserinfo = (referer: string): string =>
  referer.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, "$1");
