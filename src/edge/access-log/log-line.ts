import { ascii } from "../byte-classes.ts";

/**
 * Puts a line together byte by byte: at the edge's full speed a line of text for each request would cost more than
 * the request. What goes in as bytes is JSON already; the caller has seen to the room.
 */
export const put = (out: Uint8Array, at: number, part: Uint8Array): number => {
  const { length } = part;
  // Measured: a native copy costs as much as 24 bytes by hand, however long it is.
  if (length >= 24) {
    out.set(part, at);
    return at + length;
  }
  for (let i = 0; i < length; i++) out[at++] = part[i]!;
  return at;
};

const zero = 0x30;
const hexDigits = ascii("0123456789abcdef");
/** Up to here whole numbers are divided as 32-bit integers, which is several times faster. */
const mostInteger = 0x7fff_ffff;

/** A whole number, at most 16 digits. */
export const putNumber = (out: Uint8Array, at: number, value: number): number => {
  if (value > mostInteger) {
    const billions = Math.floor(value / 1e9);
    at = putNumber(out, at, billions);
    const rest = value - billions * 1e9;
    for (let bound = 1e8; bound > rest && bound >= 1; bound /= 10) out[at++] = zero;
    return rest === 0 ? at : putNumber(out, at, rest);
  }
  let left = value | 0;
  const digits =
    left < 10
      ? 1
      : left < 100
        ? 2
        : left < 1000
          ? 3
          : left < 10_000
            ? 4
            : left < 100_000
              ? 5
              : lengthOf(left);
  for (let i = at + digits - 1; i >= at; i--) {
    const tenth = (left / 10) | 0;
    out[i] = zero + (left - tenth * 10);
    left = tenth;
  }
  return at + digits;
};

const lengthOf = (value: number): number =>
  value < 1_000_000 ? 6 : value < 10_000_000 ? 7 : value < 100_000_000 ? 8 : value < 1_000_000_000 ? 9 : 10;

/** In hexadecimal with the lowest digit first, as `appendRequestId` writes it. */
export const putReversedHex = (out: Uint8Array, at: number, value: number): number => {
  let left = value;
  for (; left > mostInteger; left = Math.floor(left / 16)) out[at++] = hexDigits[left % 16]!;
  for (let rest = left | 0; rest > 0; rest >>>= 4) out[at++] = hexDigits[rest & 15]!;
  return at;
};

/** Milliseconds with microseconds behind the point. */
export const putMs = (out: Uint8Array, at: number, ms: number): number => {
  const micros = ms > 0 ? Math.round(ms * 1000) : 0;
  const whole = Math.floor(micros / 1000);
  at = putNumber(out, at, whole);
  out[at] = 0x2e;
  return putThree(out, at + 1, micros - whole * 1000);
};

/** Three digits, whatever the number. */
export const putThree = (out: Uint8Array, at: number, value: number): number => {
  const whole = value | 0;
  const tens = (whole / 10) | 0;
  const hundreds = (whole / 100) | 0;
  out[at] = zero + hundreds;
  out[at + 1] = zero + (tens - hundreds * 10);
  out[at + 2] = zero + (whole - tens * 10);
  return at + 3;
};

/** A wall clock for lines: asks the system for the date once a second, not once a line. */
export interface LineClock {
  /** Wall time less monotonic time. */
  offsetMs: number;
  second: number;
  /** `{"time":"2026-11-20T12:34:56.` */
  words: Uint8Array;
}

export const createLineClock = (offsetMs: number): LineClock => ({
  offsetMs,
  second: Number.NaN,
  words: new Uint8Array(),
});

/** Begins a line with its time: `{"time":"2026-11-20T12:34:56.789`. */
export const putTime = (out: Uint8Array, at: number, clock: LineClock, nowMs: number): number => {
  const wallMs = Math.floor(nowMs + clock.offsetMs);
  const second = Math.floor(wallMs / 1000);
  if (second !== clock.second) {
    clock.second = second;
    clock.words = ascii(`{"time":"${new Date(second * 1000).toISOString().slice(0, 20)}`);
  }
  at = put(out, at, clock.words);
  return putThree(out, at, wallMs - second * 1000);
};
