import { ascii } from "./byte-classes.ts";

/**
 * A reusable buffer in which one head, and the body bytes that came with it, are put together before a single
 * write. Its content is valid until the next `begin`: whoever keeps bytes copies them.
 */
export interface HeadWriter {
  readonly bytes: Uint8Array;
  length: number;
}

/** Room for the largest head (32 KiB, at most a fifth longer after normalising) with a body part behind it. */
export const headWriterBytes = 128 * 1024;

export const createHeadWriter = (): HeadWriter => ({ bytes: new Uint8Array(headWriterBytes), length: 0 });

const copyOut = Buffer.prototype.copy;

/** Copies `input[from, to)`. Short runs by hand: a native call costs as much as some 40 bytes, a view more than that. */
export const copyRange = (out: HeadWriter, input: Uint8Array, from: number, to: number): void => {
  const { bytes } = out;
  let at = out.length;
  if (to - from > 40) {
    copyOut.call(input, bytes, at, from, to);
    out.length = at + (to - from);
    return;
  }
  for (let i = from; i < to; i++) bytes[at++] = input[i]!;
  out.length = at;
};

export const append = (out: HeadWriter, part: Uint8Array): void => copyRange(out, part, 0, part.length);

/** For rare parts; constant ones are kept as bytes. */
export const appendText = (out: HeadWriter, text: string): void => append(out, ascii(text));

/** How many bytes still fit. */
export const room = (out: HeadWriter): number => out.bytes.length - out.length;
