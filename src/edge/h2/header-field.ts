import { ascii, tokenBytes, valueBytes } from "../byte-classes.ts";
import { decimal, equalsFolded, textOf } from "../fields.ts";

/** What a field of a request is for; every other one is `regular` and passed on. */
export const Kind = {
  regular: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  host: 5,
  cookie: 6,
  contentLength: 7,
  /** May not stand in a request (RFC 9113 section 8.2): the request is refused. */
  malformed: 8,
} as const;

/** A field as a finished line of HTTP/1.1, read once however often a visitor's table repeats it. */
export interface HeaderField {
  /** `name: value` and CRLF. */
  readonly line: Uint8Array;
  readonly nameLength: number;
  readonly kind: number;
}

export const valueStart = (field: HeaderField): number => field.nameLength + 2;
export const valueEnd = (field: HeaderField): number => field.line.length - 2;
/** As the dynamic table counts it (RFC 7541 section 4.1). */
export const sizeOf = (field: HeaderField): number => field.line.length - 4 + 32;
export const valueText = (field: HeaderField): string =>
  textOf(field.line, valueStart(field), valueEnd(field));

export const createField = (name: Uint8Array, value: Uint8Array): HeaderField => {
  const line = new Uint8Array(name.length + value.length + 4);
  line.set(name);
  line[name.length] = 0x3a;
  line[name.length + 1] = 0x20;
  line.set(value, name.length + 2);
  line[line.length - 2] = 0x0d;
  line[line.length - 1] = 0x0a;
  return { line, nameLength: name.length, kind: kindOf(name, value) };
};

const named = new Map<string, number>([
  [":method", Kind.method],
  [":scheme", Kind.scheme],
  [":authority", Kind.authority],
  [":path", Kind.path],
  ["host", Kind.host],
  ["cookie", Kind.cookie],
  ["content-length", Kind.contentLength],
  ["connection", Kind.malformed],
  ["keep-alive", Kind.malformed],
  ["proxy-connection", Kind.malformed],
  ["transfer-encoding", Kind.malformed],
  ["upgrade", Kind.malformed],
]);

const trailersName = ascii("trailers");

const kindOf = (name: Uint8Array, value: Uint8Array): number => {
  if (name.length === 0) return Kind.malformed;
  for (let i = 0; i < value.length; i++) if (valueBytes[value[i]!] !== 1) return Kind.malformed;
  if (value.length > 0 && (isBlank(value[0]!) || isBlank(value[value.length - 1]!))) return Kind.malformed;
  for (let i = name[0] === 0x3a ? 1 : 0; i < name.length; i++) {
    const byte = name[i]!;
    if (tokenBytes[byte] !== 1 || (byte >= 0x41 && byte <= 0x5a)) return Kind.malformed;
  }
  const text = textOf(name, 0, name.length);
  const kind = named.get(text);
  if (kind === Kind.contentLength && decimal(value, 0, value.length) < 0) return Kind.malformed;
  if (kind !== undefined) return kind;
  if (name[0] === 0x3a) return Kind.malformed;
  if (text === "te" && !equalsFolded(value, 0, value.length, trailersName)) return Kind.malformed;
  return Kind.regular;
};

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x09;
