/**
 * Which addresses a request that a tenant asked for may reach: the public internet only. Addresses are judged
 * after resolution and the connection is pinned to them, since names can be rebound between check and use.
 * Ranges: IANA special-purpose registries (RFC 6890). The documentation ranges are left open: they lead
 * nowhere on the internet and stand in for it in closed networks.
 */
const closed4: readonly [string, number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

/** @returns the 32 bits, or null when the text is not a dotted quad in its plain form */
const bits4 = (text: string): number | null => {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  let bits = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    bits = bits * 256 + Number(part);
  }
  return bits;
};

const isPublic4 = (bits: number): boolean =>
  !closed4.some(([base, length]) => {
    const size = 2 ** (32 - length);
    return Math.floor(bits / size) === Math.floor(bits4(base)! / size);
  });

/** @returns eight 16-bit groups, or null when the text is not an IPv6 address */
const groups6 = (text: string): number[] | null => {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const bits = bits4(dotted[2]!);
    if (bits === null) return null;
    text = `${dotted[1]}${Math.floor(bits / 65536).toString(16)}:${(bits % 65536).toString(16)}`;
  }
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const parse = (half: string) => (half === "" ? [] : half.split(":"));
  const head = parse(halves[0]!);
  const tail = halves.length === 2 ? parse(halves[1]!) : [];
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const all = [...head, ...Array<string>(halves.length === 2 ? missing : 0).fill("0"), ...tail];
  return all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))
    ? all.map((group) => parseInt(group, 16))
    : null;
};

const isPublic6 = (groups: number[]): boolean => {
  const [a, b] = groups as [number, number];
  const lastTwo = groups[6]! * 65536 + groups[7]!;
  // Addresses that carry an IPv4 one are as public as that: mapped, NAT64 (RFC 6052), 6to4 (RFC 3056).
  const zeros = groups.slice(0, 5).every((group) => group === 0);
  if (zeros && groups[5] === 0xffff) return isPublic4(lastTwo);
  if (a === 0x64 && b === 0xff9b && groups.slice(2, 6).every((group) => group === 0))
    return isPublic4(lastTwo);
  if (a === 0x2002) return isPublic4(b * 65536 + groups[2]!);
  // 2001::/23 holds Teredo, benchmarking and the like; of all else only 2000::/3 is global unicast.
  if (a === 0x2001 && b < 0x200) return false;
  return a >= 0x2000 && a <= 0x3fff;
};

/** Whether a resolved address (as `getaddrinfo` writes it) lies in the public internet. Anything unclear does not. */
export const isPublicAddress = (address: string): boolean => {
  const four = bits4(address);
  if (four !== null) return isPublic4(four);
  const six = groups6(address);
  return six !== null && isPublic6(six);
};
