/** Messages of DNS (RFC 1035 section 4), as far as updates and questions for TXT records need them. */
export const recordTypes = { ns: 2, cname: 5, soa: 6, txt: 16, tsig: 250 } as const;
export const recordClasses = { internet: 1, none: 254, any: 255 } as const;

export interface DnsRecord {
  /** Lower case, without a trailing dot. */
  name: string;
  type: number;
  class: number;
  ttl: number;
  data: Uint8Array;
}

export interface DnsMessage {
  id: number;
  /** The second 16 bits of the header, the response code in its last four. */
  flags: number;
  /** Question or zone; answer or prerequisite; authority or update; additional. */
  question: { name: string; type: number; class: number }[];
  answer: DnsRecord[];
  authority: DnsRecord[];
  additional: DnsRecord[];
}

export class DnsFormatError extends Error {}

/** Uncompressed and in lower case, which is the canonical form (RFC 4034 section 6.2). */
export const encodeName = (name: string): Uint8Array => {
  const parts: Uint8Array[] = [];
  for (const label of name.toLowerCase().split(".").filter(Boolean)) {
    const bytes = new TextEncoder().encode(label);
    if (bytes.length > 63) throw new DnsFormatError(`a label of ${name} is longer than 63 bytes`);
    parts.push(Uint8Array.of(bytes.length), bytes);
  }
  const encoded = Buffer.concat([...parts, Uint8Array.of(0)]);
  if (encoded.length > 255) throw new DnsFormatError(`${name} is longer than a name may be`);
  return encoded;
};

export const uint16 = (value: number): Uint8Array => Uint8Array.of((value >> 8) & 0xff, value & 0xff);
export const uint32 = (value: number): Uint8Array =>
  Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);

/** One character string of at most 255 bytes: challenges have 43. */
export const textData = (text: string): Uint8Array => {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 255) throw new DnsFormatError("a text is longer than 255 bytes");
  return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
};

/** The text of a TXT record, its character strings put together. */
export const textOf = (data: Uint8Array): string => {
  let text = "";
  for (let at = 0; at < data.length; at += 1 + data[at]!)
    text += Buffer.from(data.subarray(at + 1, at + 1 + data[at]!)).toString("utf8");
  return text;
};

export const encodeRecord = (record: DnsRecord): Uint8Array =>
  Buffer.concat([
    encodeName(record.name),
    uint16(record.type),
    uint16(record.class),
    uint32(record.ttl),
    uint16(record.data.length),
    record.data,
  ]);

export const encodeMessage = (message: DnsMessage): Uint8Array =>
  Buffer.concat([
    uint16(message.id),
    uint16(message.flags),
    ...[message.question, message.answer, message.authority, message.additional].map((all) =>
      uint16(all.length),
    ),
    ...message.question.map((one) =>
      Buffer.concat([encodeName(one.name), uint16(one.type), uint16(one.class)]),
    ),
    ...[...message.answer, ...message.authority, ...message.additional].map(encodeRecord),
  ]);

/** Names are followed through compression, which may only lead backwards (RFC 1035 section 4.1.4). */
const readName = (bytes: Buffer, start: number): { name: string; after: number } => {
  const labels: string[] = [];
  let at = start;
  let after = -1;
  for (let bound = start; ;) {
    const length = bytes.readUInt8(at);
    if (length >= 0xc0) {
      const to = bytes.readUInt16BE(at) & 0x3fff;
      if (after === -1) after = at + 2;
      if (to >= bound) throw new DnsFormatError("a compressed name leads forwards");
      at = bound = to;
      continue;
    }
    if (length > 63) throw new DnsFormatError("a label has an unknown form");
    if (length === 0) return { name: labels.join("."), after: after === -1 ? at + 1 : after };
    if (at + 1 + length > bytes.length) throw new DnsFormatError("a name is cut off");
    labels.push(bytes.toString("latin1", at + 1, at + 1 + length).toLowerCase());
    if (labels.length > 127) throw new DnsFormatError("a name has too many labels");
    at += 1 + length;
  }
};

/**
 * @returns the message, and where its last additional record begins, which a signature is made without
 * @throws DnsFormatError, or RangeError where it is cut off
 */
export const decodeMessage = (data: Uint8Array): DnsMessage & { lastRecordAt: number } => {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  let at = 12;
  let lastRecordAt = at;
  const counts = [4, 6, 8, 10].map((offset) => bytes.readUInt16BE(offset));
  const question = Array.from({ length: counts[0]! }, () => {
    const { name, after } = readName(bytes, at);
    at = after + 4;
    return { name, type: bytes.readUInt16BE(after), class: bytes.readUInt16BE(after + 2) };
  });
  const records = (count: number): DnsRecord[] =>
    Array.from({ length: count }, () => {
      lastRecordAt = at;
      const { name, after } = readName(bytes, at);
      const length = bytes.readUInt16BE(after + 8);
      at = after + 10 + length;
      if (at > bytes.length) throw new DnsFormatError("a record is cut off");
      return {
        name,
        type: bytes.readUInt16BE(after),
        class: bytes.readUInt16BE(after + 2),
        ttl: bytes.readUInt32BE(after + 4),
        data: bytes.subarray(after + 10, at),
      };
    });
  return {
    id: bytes.readUInt16BE(0),
    flags: bytes.readUInt16BE(2),
    question,
    answer: records(counts[1]!),
    authority: records(counts[2]!),
    additional: records(counts[3]!),
    lastRecordAt,
  };
};

/** A name inside a record's data that may not be compressed, such as TSIG's algorithm. */
export const nameInData = (data: Uint8Array, start = 0): { name: string; after: number } =>
  readName(Buffer.from(data.buffer, data.byteOffset, data.byteLength), start);

const responseCodes = [
  ["NOERROR", "no error"],
  ["FORMERR", "it does not understand the request"],
  ["SERVFAIL", "it failed"],
  ["NXDOMAIN", "there is no such name"],
  ["NOTIMP", "it takes no updates"],
  ["REFUSED", "it refuses; its policy does not allow this"],
  ["YXDOMAIN", "a name is there that should not be"],
  ["YXRRSET", "records are there that should not be"],
  ["NXRRSET", "records are missing"],
  ["NOTAUTH", "it is not authoritative for the zone, or does not accept the key"],
  ["NOTZONE", "the name is not in the zone"],
] as const;

/** What a response code says, in words for people (RFC 1035, RFC 2136). */
export const responseCodeText = (code: number): string => {
  const known = responseCodes[code];
  return known ? `${known[1]} (${known[0]})` : `it answers with code ${code}`;
};
