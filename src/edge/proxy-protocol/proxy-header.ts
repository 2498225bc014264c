import { isIP } from "node:net";
import { textOf } from "../fields.ts";

/** What a proxy says of a connection before anything else on it. */
export interface ProxyHeader {
  /** Bytes of the header. */
  length: number;
  /** The visitor's; null: the connection is the proxy's own (a health check), or it knows none. */
  address: string | null;
  /** The visitor speaks TLS with the proxy; null: not said. */
  secure: boolean | null;
}

/** Fields of certificates (`PP2_SUBTYPE_SSL_CLIENT_CERT`) may be long. */
const longest = 16 * 1024;

/**
 * Reads a header of the PROXY protocol, version 1 or 2, from the start of a connection
 * (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Neither version is guessed at: what does not begin as one of
 * them is wrong at its first byte that differs.
 * @returns `more` while it may become one, `wrong` when it cannot
 */
export const readProxyHeader = (input: Uint8Array): ProxyHeader | "more" | "wrong" =>
  beginsWith(input, signature2)
    ? readBinary(input)
    : beginsWith(input, signature1)
      ? readText(input)
      : "wrong";

const signature1 = Buffer.from("PROXY ", "latin1");
const signature2 = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

/** As far as both go. */
const beginsWith = (input: Uint8Array, signature: Uint8Array): boolean => {
  const length = Math.min(input.length, signature.length);
  for (let i = 0; i < length; i++) if (input[i] !== signature[i]) return false;
  return true;
};

/** The longest line of version 1, with its end. */
const longestLine = 107;

const readText = (input: Uint8Array): ProxyHeader | "more" | "wrong" => {
  const end = input.subarray(0, longestLine).indexOf(0x0a);
  if (end < 0) return input.length < longestLine ? "more" : "wrong";
  const line = textOf(input, 0, end + 1);
  if (!line.endsWith("\r\n")) return "wrong";
  const [, family, ...rest] = line.slice(0, -2).split(" ");
  // Whatever follows is to be ignored.
  if (family === "UNKNOWN") return { length: end + 1, address: null, secure: null };
  const version = family === "TCP4" ? 4 : family === "TCP6" ? 6 : 0;
  const [source = "", destination = "", ...ports] = rest;
  if (version === 0 || isIP(source) !== version || isIP(destination) !== version) return "wrong";
  if (ports.length !== 2 || !ports.every(isPort) || source.includes("%")) return "wrong";
  return { length: end + 1, address: plain(source), secure: null };
};

const isPort = (text: string): boolean => /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;

const fixedBytes = 16;
const families: Record<number, { name: "none" | "ipv4" | "ipv6" | "other"; bytes: number }> = {
  0x00: { name: "none", bytes: 0 },
  0x11: { name: "ipv4", bytes: 12 },
  0x21: { name: "ipv6", bytes: 36 },
  // A unix socket says nothing about where a visitor is.
  0x31: { name: "other", bytes: 216 },
};

const readBinary = (input: Uint8Array): ProxyHeader | "more" | "wrong" => {
  if (input.length < fixedBytes) return "more";
  const command = input[12]!;
  const length = fixedBytes + input[14]! * 256 + input[15]!;
  if ((command !== 0x20 && command !== 0x21) || length > longest) return "wrong";
  const family = families[input[13]!];
  // A LOCAL connection's family means nothing.
  if (command === 0x21 && (family === undefined || length < fixedBytes + family.bytes)) return "wrong";
  if (input.length < length) return "more";
  if (command === 0x20 || family === undefined) return { length, address: null, secure: null };
  const secure = readSecure(input, fixedBytes + family.bytes, length);
  if (secure === "wrong") return "wrong";
  const at = fixedBytes;
  const address =
    family.name === "ipv4"
      ? input.subarray(at, at + 4).join(".")
      : family.name === "ipv6"
        ? plain(groups(input.subarray(at, at + 16)))
        : null;
  return { length, address, secure };
};

const groups = (bytes: Uint8Array): string =>
  Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! * 256 + bytes[2 * i + 1]!).toString(16)).join(":");

const tlvSsl = 0x20;

/** Looks among the type-length-value fields, all of which must fit. */
const readSecure = (input: Uint8Array, from: number, end: number): boolean | null | "wrong" => {
  let secure: boolean | null = null;
  for (let at = from; at < end;) {
    if (at + 3 > end) return "wrong";
    const length = input[at + 1]! * 256 + input[at + 2]!;
    const next = at + 3 + length;
    if (next > end) return "wrong";
    if (input[at] === tlvSsl) {
      if (length < 5) return "wrong";
      secure = (input[at + 3]! & 1) === 1;
    }
    at = next;
  }
  return secure;
};

/** In the one way an address is written; IPv4 inside IPv6 as IPv4. */
const plain = (address: string): string => {
  if (!address.includes(":")) return address;
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(short);
  if (mapped === null) return short;
  const value = [mapped[1]!, mapped[2]!].map((part) => Number.parseInt(part, 16));
  return value.flatMap((part) => [part >> 8, part & 255]).join(".");
};
