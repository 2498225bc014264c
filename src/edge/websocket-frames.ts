import type { FramePosition } from "./state.ts";

/** WebSocket framing (RFC 6455 section 5.2), as far as it takes to know where frames end and how long messages are. */
export const createFramePosition = (): FramePosition => ({ payload: 0, header: [], message: 0 });

/** A control frame (opcode 8 and above) can stand between the frames of a message. */
const controlBit = 0x08;
const lastBit = 0x80;

/**
 * Moves the position over `input[from, to)`.
 * @param mostBytes of a message, all its frames together
 * @returns -1; or where the frame begins that makes a message longer than that, with the position before it. A frame
 *   whose head began earlier begins at `from`, and the position is then inside it.
 */
export const follow = (
  position: FramePosition,
  input: Uint8Array,
  from: number,
  to: number,
  mostBytes = Number.POSITIVE_INFINITY,
): number => {
  let at = from;
  let frameAt = from;
  const { header } = position;
  while (at < to) {
    if (position.payload > 0) {
      const length = Math.min(position.payload, to - at);
      position.payload -= length;
      at += length;
      continue;
    }
    if (header.length === 0) frameAt = at;
    header.push(input[at++]!);
    if (header.length < 2 || header.length < headerBytes(header[1]!)) continue;
    const payload = payloadBytes(header);
    // A length of 2^63 and more is the app's to refuse, as a fault of the protocol.
    const impossible = (header[1]! & 0x7f) === 127 && (header[2]! & 0x80) !== 0;
    if ((header[0]! & controlBit) === 0 && !impossible) {
      position.message += payload;
      if (position.message > mostBytes) {
        if (at - frameAt === header.length) header.length = 0;
        return frameAt;
      }
      if ((header[0]! & lastBit) !== 0) position.message = 0;
    }
    position.payload = payload;
    header.length = 0;
  }
  return -1;
};

const headerBytes = (second: number): number => {
  const length = second & 0x7f;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (second & 0x80 ? 4 : 0);
};

const payloadBytes = (header: number[]): number => {
  const short = header[1]! & 0x7f;
  if (short < 126) return short;
  let length = 0;
  for (let i = 2; i < (short === 126 ? 4 : 10); i++) length = length * 256 + header[i]!;
  return length;
};

/** Between two frames: another one may be put in. */
export const atBoundary = (position: FramePosition): boolean =>
  position.payload === 0 && position.header.length === 0;

/** Why the edge closes a WebSocket (RFC 6455 section 7.4.1). */
export const CloseCode = { goingAway: 1001, policy: 1008, tooBig: 1009 } as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** A server's close frame. */
export const closeFrameToVisitor = (code: CloseCode): Uint8Array =>
  Uint8Array.of(0x88, 2, code >> 8, code & 255);

/** The same from a client: masked (section 5.3). */
export const closeFrameToUpstream = (code: CloseCode): Uint8Array => {
  const mask = crypto.getRandomValues(new Uint8Array(4));
  return Uint8Array.of(0x88, 0x82, ...mask, (code >> 8) ^ mask[0]!, (code & 255) ^ mask[1]!);
};
