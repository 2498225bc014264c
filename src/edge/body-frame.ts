import { ascii, CR, LF } from "./byte-classes.ts";
import { type ChunkedBody, decodeChunked } from "./chunked-body.ts";

/**
 * Scratch space in which a piece of a body is decoded and framed as one chunk of the edge's own. The frame is
 * `bytes[start, length)` and holds until the next call.
 */
export interface BodyFrame {
  readonly bytes: Uint8Array;
  start: number;
  length: number;
  /** How many bytes of data are in it, without framing. */
  dataBytes: number;
}

/** The longest input that one frame takes. */
export const maxSliceBytes = 512 * 1024;
const headRoom = 16;
/** Behind the data: the chunk's end, the last chunk and the trailers. */
const tailRoom = 20 * 1024;

export const createBodyFrame = (): BodyFrame => ({
  bytes: new Uint8Array(headRoom + maxSliceBytes + tailRoom),
  start: headRoom,
  length: headRoom,
  dataBytes: 0,
});

const lastChunk = ascii("0\r\n");

/**
 * Decodes a slice of a chunked body into the frame: as one chunk (with last chunk and trailers when the body
 * ends), or bare for a reader that knows no chunks. The frame may come out empty.
 * @returns the position after what was used, -1 when the coding is malformed
 */
export const decodeInto = (
  frame: BodyFrame,
  body: ChunkedBody,
  input: Uint8Array,
  from: number,
  end: number,
  chunkedOut: boolean,
): number => {
  frame.start = headRoom;
  frame.length = headRoom;
  const after = decodeChunked(body, input, from, Math.min(end, from + maxSliceBytes), frame);
  if (after < 0) return -1;
  frame.dataBytes = frame.length - headRoom;
  if (chunkedOut) {
    closeChunk(frame);
    if (body.done) {
      frame.bytes.set(lastChunk, frame.length);
      frame.length += lastChunk.length;
      for (const byte of body.trailers) frame.bytes[frame.length++] = byte;
      frame.bytes[frame.length++] = CR;
      frame.bytes[frame.length++] = LF;
    }
  }
  return after;
};

/** Frames a slice of plain bytes as one chunk. @returns the position after what was used */
export const chunkInto = (frame: BodyFrame, input: Uint8Array, from: number, end: number): number => {
  const after = Math.min(end, from + maxSliceBytes);
  frame.start = headRoom;
  frame.bytes.set(input.subarray(from, after), headRoom);
  frame.dataBytes = after - from;
  frame.length = headRoom + frame.dataBytes;
  closeChunk(frame);
  return after;
};

const digits = ascii("0123456789abcdef");

/** Puts the size before the data and the line's end behind it; an empty frame stays empty (it would end the body). */
const closeChunk = (frame: BodyFrame): void => {
  let size = frame.dataBytes;
  if (size === 0) return;
  const { bytes } = frame;
  let at = headRoom;
  bytes[--at] = LF;
  bytes[--at] = CR;
  for (; size > 0; size >>>= 4) bytes[--at] = digits[size & 15]!;
  frame.start = at;
  bytes[frame.length++] = CR;
  bytes[frame.length++] = LF;
};
