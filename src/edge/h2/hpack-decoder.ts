import { decodeHuffman } from "./huffman.ts";
import { createField, type HeaderField, sizeOf } from "./header-field.ts";
import { headerTableBytes, maxBlockBytes } from "./protocol.ts";
import { staticFields } from "./static-table.ts";

/** A connection's decoder of header blocks (RFC 7541): the table that the visitor fills. */
export interface HpackDecoder {
  /** The newest at the end. */
  readonly table: HeaderField[];
  bytes: number;
  /** As the visitor set it, at most `headerTableBytes`. */
  maxBytes: number;
}

export const createHpackDecoder = (): HpackDecoder => ({ table: [], bytes: 0, maxBytes: headerTableBytes });

/** What one block holds. Reused. */
export interface HeaderList {
  readonly fields: HeaderField[];
  /** As `SETTINGS_MAX_HEADER_LIST_SIZE` counts. */
  bytes: number;
  /** Beyond the bounds: decoded for the table's sake, but not kept. */
  tooLarge: boolean;
}

export const createHeaderList = (): HeaderList => ({ fields: [], bytes: 0, tooLarge: false });

export const maxListBytes = 40 * 1024;
const maxListFields = 160;

/** Where an integer or a text ended; scratch of one call. */
const position = { at: 0 };
const scratch = new Uint8Array(maxBlockBytes * 2);

/** @returns false when the block is malformed: the connection cannot go on, since both tables differ from then */
export const decodeBlock = (
  decoder: HpackDecoder,
  input: Uint8Array,
  from: number,
  to: number,
  list: HeaderList,
): boolean => {
  list.fields.length = 0;
  list.bytes = 0;
  list.tooLarge = false;
  let at = from;
  let first = true;
  while (at < to) {
    const byte = input[at]!;
    let field: HeaderField | null = null;
    if (byte >= 0x80) {
      const index = integer(input, at, to, 7);
      if (index < 0) return false;
      field = fieldAt(decoder, index);
      if (field === null) return false;
    } else if (byte >= 0x40) {
      field = literal(decoder, input, at, to, 6);
      if (field === null) return false;
      insert(decoder, field);
    } else if (byte >= 0x20) {
      // Only before the first field (RFC 7541 section 4.2).
      const size = integer(input, at, to, 5);
      if (!first || size < 0 || size > headerTableBytes) return false;
      decoder.maxBytes = size;
      evict(decoder, size);
      at = position.at;
      continue;
    } else {
      field = literal(decoder, input, at, to, 4);
      if (field === null) return false;
    }
    at = position.at;
    first = false;
    list.bytes += sizeOf(field);
    if (list.bytes > maxListBytes || list.fields.length >= maxListFields) list.tooLarge = true;
    else list.fields.push(field);
  }
  return true;
};

const fieldAt = ({ table }: HpackDecoder, index: number): HeaderField | null =>
  index <= staticFields.length
    ? (staticFields[index - 1] ?? null)
    : (table[table.length - (index - staticFields.length)] ?? null);

const literal = (
  decoder: HpackDecoder,
  input: Uint8Array,
  from: number,
  to: number,
  prefix: number,
): HeaderField | null => {
  const index = integer(input, from, to, prefix);
  if (index < 0) return null;
  let name: Uint8Array | null;
  if (index === 0) {
    name = text(input, position.at, to, 0);
    if (name === null) return null;
  } else {
    const named = fieldAt(decoder, index);
    if (named === null) return null;
    name = named.line.subarray(0, named.nameLength);
  }
  const value = text(input, position.at, to, maxBlockBytes);
  return value === null ? null : createField(name, value);
};

/** @param room where in the scratch space a decoded text goes @returns a view that holds until the next text */
const text = (input: Uint8Array, from: number, to: number, room: number): Uint8Array | null => {
  if (from >= to) return null;
  const huffman = input[from]! >= 0x80;
  const length = integer(input, from, to, 7);
  const start = position.at;
  if (length < 0 || length > to - start) return null;
  position.at = start + length;
  if (!huffman) return input.subarray(start, start + length);
  // Longer than the scratch space after decoding: no block that is taken comes to that with two texts.
  if ((length * 8) / 5 > scratch.length - room || (room === 0 && (length * 8) / 5 > maxBlockBytes))
    return null;
  const end = decodeHuffman(input, start, start + length, scratch, room);
  return end < 0 ? null : scratch.subarray(room, end);
};

/** RFC 7541 section 5.1. @returns -1 when it is cut or above 2^28 */
const integer = (input: Uint8Array, from: number, to: number, prefix: number): number => {
  if (from >= to) return -1;
  const most = (1 << prefix) - 1;
  let value = input[from]! & most;
  let at = from + 1;
  if (value === most) {
    let shift = 0;
    for (;;) {
      if (at >= to || shift > 21) return -1;
      const byte = input[at++]!;
      value += (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) break;
    }
  }
  position.at = at;
  return value;
};

const insert = (decoder: HpackDecoder, field: HeaderField): void => {
  const size = sizeOf(field);
  evict(decoder, Math.max(0, decoder.maxBytes - size));
  if (size > decoder.maxBytes) return;
  decoder.table.push(field);
  decoder.bytes += size;
};

const evict = (decoder: HpackDecoder, toBytes: number): void => {
  const { table } = decoder;
  let gone = 0;
  while (decoder.bytes > toBytes) decoder.bytes -= sizeOf(table[gone++]!);
  if (gone > 0) table.splice(0, gone);
};
