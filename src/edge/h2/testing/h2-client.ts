import { connectTls } from "../../tls/testing/tls-client.ts";
import { createHeaderList, createHpackDecoder, decodeBlock } from "../hpack-decoder.ts";
import { valueText } from "../header-field.ts";
import { Code, Flag, Frame, preface } from "../protocol.ts";

/** A connection of HTTP/2 whose frames a test writes and reads itself. */

export interface H2Frame {
  type: number;
  flags: number;
  streamId: number;
  payload: Buffer;
}

export const frame = (
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array | string = "",
): Buffer => {
  const bytes = Buffer.from(payload as string, "latin1");
  const head = Buffer.alloc(9);
  head.writeUIntBE(bytes.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, bytes]);
};

export type Fields = (readonly [string, string])[];

/** A header block of literals, without tables and without Huffman's code. */
export const block = (fields: Fields): Buffer =>
  Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([integer(bytes.length), bytes]);
};

const integer = (value: number): Buffer => {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>= 7) bytes.push(128 | (rest & 127));
  return Buffer.from([...bytes, rest]);
};

export const ask = (path = "/", fields: Fields = [], method = "GET"): Fields => [
  [":method", method],
  [":scheme", "https"],
  [":path", path],
  [":authority", "site.test"],
  ...fields,
];

export const headers = (
  streamId: number,
  fields: Fields = ask(),
  flags: number = Flag.endStream | Flag.endHeaders,
): Buffer => frame(Frame.headers, flags, streamId, block(fields));

export const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

export const setting = (id: number, value: number): Buffer =>
  Buffer.concat([Buffer.from([0, id]), number(value)]);

export interface H2Answer {
  fields: Map<string, string>;
  /** Interim answers before, by status. */
  interim: string[];
  body: Buffer;
  trailers: Map<string, string> | null;
  /** The code of an RST_STREAM, null when the answer is whole. */
  reset: number | null;
}

export interface H2Client {
  frames(): H2Frame[];
  closed(): boolean;
  send(...frames: Uint8Array[]): void;
  /** Resolves when the condition holds, or the connection is closed; fails after 5 s. */
  until(condition: (frames: H2Frame[]) => boolean): Promise<H2Frame[]>;
  /** Waits for the end of a stream's answer. */
  answer(streamId: number): Promise<H2Answer>;
  /** The code of the GOAWAY that ends the connection. */
  goneAway(): Promise<number>;
  /** The code that ends the stream, by itself or with the connection. */
  refused(streamId: number): Promise<number>;
  /** The connection still answers a PING. */
  alive(): Promise<boolean>;
  close(): void;
}

export const connectH2 = async (
  port: number,
  ca: string,
  hello: Uint8Array = Buffer.concat([preface, frame(Frame.settings, 0, 0)]),
  servername = "site.test",
): Promise<H2Client> => {
  const tls = await connectTls(port, servername, { ca, ALPNProtocols: ["h2", "http/1.1"] });
  const frames = (): H2Frame[] => framesOf(Buffer.from(tls.text(), "latin1"));
  const until = async (condition: (frames: H2Frame[]) => boolean): Promise<H2Frame[]> => {
    await tls.until(() => condition(frames()));
    return frames();
  };
  tls.send(hello);
  let pings = 0;
  return {
    frames,
    closed: tls.closed,
    send: (...parts) => tls.send(Buffer.concat(parts)),
    until,
    async answer(streamId) {
      const all = await until((list) => list.some((it) => it.streamId === streamId && ends(it)));
      return answerOf(all, streamId);
    },
    async goneAway() {
      const all = await until((list) => list.some((it) => it.type === Frame.goAway));
      return all.find((it) => it.type === Frame.goAway)?.payload.readUInt32BE(4) ?? -1;
    },
    async refused(streamId) {
      const isRefusal = (it: H2Frame): boolean =>
        it.type === Frame.goAway || (it.type === Frame.reset && it.streamId === streamId);
      const found = (await until((list) => list.some(isRefusal))).find(isRefusal);
      return found?.payload.readUInt32BE(found.type === Frame.goAway ? 4 : 0) ?? -1;
    },
    async alive() {
      const opaque = Buffer.alloc(8, ++pings);
      tls.send(frame(Frame.ping, 0, 0, opaque));
      await until((list) => list.some((it) => it.type === Frame.ping && it.payload.equals(opaque)));
      return !tls.closed();
    },
    close: tls.close,
  };
};

const ends = ({ type, flags }: H2Frame): boolean =>
  type === Frame.reset || (type <= Frame.headers && (flags & Flag.endStream) !== 0);

export const framesOf = (bytes: Buffer): H2Frame[] => {
  const frames: H2Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const length = bytes.readUIntBE(at, 3);
    if (at + 9 + length > bytes.length) break;
    frames.push({
      type: bytes[at + 3]!,
      flags: bytes[at + 4]!,
      streamId: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, at + 9 + length),
    });
    at += 9 + length;
  }
  return frames;
};

export const answerOf = (frames: H2Frame[], streamId: number): H2Answer => {
  const answer: H2Answer = {
    fields: new Map(),
    interim: [],
    body: Buffer.alloc(0),
    trailers: null,
    reset: null,
  };
  let parts: Buffer[] = [];
  for (const it of frames) {
    if (it.streamId !== streamId) continue;
    if (it.type === Frame.data) answer.body = Buffer.concat([answer.body, it.payload]);
    if (it.type === Frame.reset) {
      const code = it.payload.readUInt32BE(0);
      if (code !== Code.none) answer.reset = code;
    }
    if (it.type !== Frame.headers && it.type !== Frame.continuation) continue;
    parts.push(it.payload);
    if ((it.flags & Flag.endHeaders) === 0) continue;
    const fields = fieldsOf(Buffer.concat(parts));
    parts = [];
    const status = fields.get(":status");
    if (status === undefined) answer.trailers = fields;
    else if (status.startsWith("1")) answer.interim.push(status);
    else answer.fields = fields;
  }
  return answer;
};

const fieldsOf = (bytes: Buffer): Map<string, string> => {
  const list = createHeaderList();
  if (!decodeBlock(createHpackDecoder(), bytes, 0, bytes.length, list)) throw new Error("a wrong block");
  const fields = new Map<string, string>();
  for (const field of list.fields) {
    const name = Buffer.from(field.line.subarray(0, field.nameLength)).toString("latin1");
    const before = fields.get(name);
    fields.set(name, before === undefined ? valueText(field) : `${before}\n${valueText(field)}`);
  }
  return fields;
};
