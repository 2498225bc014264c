import { createHmac, timingSafeEqual } from "node:crypto";
import {
  decodeMessage,
  DnsFormatError,
  type DnsMessage,
  encodeMessage,
  encodeName,
  nameInData,
  recordClasses,
  recordTypes,
  uint16,
  uint32,
} from "./message.ts";

export const tsigAlgorithms = ["hmac-sha256", "hmac-sha384", "hmac-sha512"] as const;
export type TsigAlgorithm = (typeof tsigAlgorithms)[number];

/** A key that this side and a name server share (RFC 8945). */
export interface TsigKey {
  name: string;
  algorithm: TsigAlgorithm;
  secret: Uint8Array;
}

const fudgeSeconds = 300;

const mac = (key: TsigKey, ...parts: Uint8Array[]): Buffer => {
  const hmac = createHmac(key.algorithm.slice("hmac-".length), key.secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
};

const uint48 = (value: number): Uint8Array =>
  Buffer.concat([uint16(Math.floor(value / 2 ** 32)), uint32(value % 2 ** 32)]);

/** What is signed besides the message (section 4.3.3). */
const variables = (key: TsigKey, time: Uint8Array, fudge: Uint8Array, error: number, other: Uint8Array) =>
  Buffer.concat([
    encodeName(key.name),
    uint16(recordClasses.any),
    uint32(0),
    encodeName(key.algorithm),
    time,
    fudge,
    uint16(error),
    uint16(other.length),
    other,
  ]);

export interface SignedMessage {
  bytes: Uint8Array;
  mac: Uint8Array;
}

/** @param nowMs wall time; the server takes five minutes to either side of its own */
export const signMessage = (message: DnsMessage, key: TsigKey, nowMs: number): SignedMessage => {
  const time = uint48(Math.floor(nowMs / 1000));
  const fudge = uint16(fudgeSeconds);
  const none = new Uint8Array();
  const digest = mac(key, encodeMessage(message), variables(key, time, fudge, 0, none));
  const record = {
    name: key.name,
    type: recordTypes.tsig,
    class: recordClasses.any,
    ttl: 0,
    data: Buffer.concat([
      encodeName(key.algorithm),
      time,
      fudge,
      uint16(digest.length),
      digest,
      uint16(message.id),
      uint16(0),
      uint16(0),
    ]),
  };
  return {
    bytes: encodeMessage({ ...message, additional: [...message.additional, record] }),
    mac: digest,
  };
};

/** Words for what a server says of a signature (section 5.2, 5.3). */
const errorTexts: Record<number, string> = {
  16: "the key's secret is wrong (BADSIG)",
  17: "it does not know the key, or not with this algorithm (BADKEY)",
  18: "its clock and this machine's are too far apart (BADTIME)",
  22: "it wants a longer signature (BADTRUNC)",
};

export type SignatureCheck = { good: true } | { good: false; signed: boolean; reason: string };

/**
 * Whether an answer is signed with the key, in answer to this request, and about now (section 5.3).
 * @throws DnsFormatError when it cannot be read
 */
export const checkSignature = (
  bytes: Uint8Array,
  key: TsigKey,
  requestMac: Uint8Array,
  nowMs: number,
): SignatureCheck => {
  const message = decodeMessage(bytes);
  const record = message.additional.at(-1);
  if (record?.type !== recordTypes.tsig)
    return { good: false, signed: false, reason: "its answer is not signed" };
  const data = Buffer.from(record.data);
  const { name: algorithm, after } = nameInData(data);
  const time = data.subarray(after, after + 6);
  const fudge = data.subarray(after + 6, after + 8);
  const macLength = data.readUInt16BE(after + 8);
  const given = data.subarray(after + 10, after + 10 + macLength);
  const tail = after + 10 + macLength;
  const originalId = data.readUInt16BE(tail);
  const error = data.readUInt16BE(tail + 2);
  const other = data.subarray(tail + 6, tail + 6 + data.readUInt16BE(tail + 4));
  if (given.length !== macLength) throw new DnsFormatError("a signature is cut off");
  // A server that does not accept the key cannot sign its refusal; what it says is no more than a hint then.
  const bad = (reason: string): SignatureCheck => ({ good: false, signed: true, reason });
  if (error !== 0) return bad(errorTexts[error] ?? `it answers with TSIG error ${error}`);
  if (record.name !== key.name.toLowerCase() || algorithm !== key.algorithm)
    return bad("its answer is signed with another key");
  const unsigned = Buffer.from(bytes.subarray(0, message.lastRecordAt));
  unsigned.writeUInt16BE(originalId, 0);
  unsigned.writeUInt16BE(message.additional.length - 1, 10);
  const expected = mac(
    key,
    uint16(requestMac.length),
    requestMac,
    unsigned,
    variables(key, time, fudge, error, other),
  );
  if (expected.length !== given.length || !timingSafeEqual(expected, given))
    return bad("the signature of its answer is wrong");
  const signedAt = time.readUIntBE(0, 6);
  if (Math.abs(signedAt - nowMs / 1000) > fudge.readUInt16BE(0)) return bad(errorTexts[18]!);
  return { good: true };
};
