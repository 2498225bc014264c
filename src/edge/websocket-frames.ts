import type { FramePosition } from "./state.ts";

/** WebSocket framing (RFC 6455 section 5.2), as far as it takes to know where a frame ends. */
export const createFramePosition = (): FramePosition => ({ payload: 0, header: [] });

/** Moves the position over `input[from, to)`. */
export const follow = (position: FramePosition, input: Uint8Array, from: number, to: number): void => {
  let at = from;
  const { header } = position;
  while (at < to) {
    if (position.payload > 0) {
      const length = Math.min(position.payload, to - at);
      position.payload -= length;
      at += length;
      continue;
    }
    header.push(input[at++]!);
    if (header.length < 2 || header.length < headerBytes(header[1]!)) continue;
    position.payload = payloadBytes(header);
    header.length = 0;
  }
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

/** A server's close frame, code 1001 "going away". */
export const closeFrameToVisitor = (): Uint8Array => Uint8Array.of(0x88, 2, 0x03, 0xe9);

/** The same from a client: masked (section 5.3). */
export const closeFrameToUpstream = (): Uint8Array => {
  const mask = crypto.getRandomValues(new Uint8Array(4));
  return Uint8Array.of(0x88, 0x82, ...mask, 0x03 ^ mask[0]!, 0xe9 ^ mask[1]!);
};
