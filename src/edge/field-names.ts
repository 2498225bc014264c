import { ascii, foldedBytes } from "./byte-classes.ts";

/** The fields that a proxy must know; every other field is passed on unread. */
export const Field = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  upgrade: 5,
  expect: 6,
  keepAlive: 7,
  /** Hop-by-hop fields that are dropped in both directions (RFC 9110 section 7.6.1). */
  hopByHop: 8,
  /** Says where a request came from; a visitor's own word on that is never passed on. */
  provenance: 9,
  trailer: 10,
  transportSecurity: 11,
  date: 12,
} as const;

const named: [string, number][] = [
  ["host", Field.host],
  ["content-length", Field.contentLength],
  ["transfer-encoding", Field.transferEncoding],
  ["connection", Field.connection],
  ["upgrade", Field.upgrade],
  ["expect", Field.expect],
  ["keep-alive", Field.keepAlive],
  ["te", Field.hopByHop],
  ["proxy-connection", Field.hopByHop],
  ["proxy-authorization", Field.hopByHop],
  ["proxy-authenticate", Field.hopByHop],
  ["http2-settings", Field.hopByHop],
  // CGI-like servers turn it into HTTP_PROXY ("httpoxy", CVE-2016-5385).
  ["proxy", Field.hopByHop],
  ["forwarded", Field.provenance],
  ["x-real-ip", Field.provenance],
  ["x-request-id", Field.provenance],
  ["trailer", Field.trailer],
  ["strict-transport-security", Field.transportSecurity],
  ["date", Field.date],
];

interface Name {
  bytes: Uint8Array;
  id: number;
}

/** Candidates by length: most fields of a browser find an empty list or differ in the first letter. */
const byLength: (Name[] | undefined)[] = [];
for (const [text, id] of named) (byLength[text.length] ??= []).push({ bytes: ascii(text), id });

const forwardedPrefix = ascii("x-forwarded-");

const startsWith = (input: Uint8Array, at: number, name: Uint8Array): boolean => {
  for (let i = 0; i < name.length; i++) if (foldedBytes[input[at + i]!] !== name[i]) return false;
  return true;
};

/** Which known field a name is, case-insensitive and with `_` taken for `-`. */
export const fieldOf = (input: Uint8Array, at: number, length: number): number => {
  const first = foldedBytes[input[at]!];
  const candidates = byLength[length];
  if (candidates !== undefined)
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i]!;
      if (candidate.bytes[0] === first && startsWith(input, at, candidate.bytes)) return candidate.id;
    }
  // `X-Forwarded-For` and its whole family.
  if (first === 0x78 && length > 12 && startsWith(input, at, forwardedPrefix)) return Field.provenance;
  return Field.other;
};
