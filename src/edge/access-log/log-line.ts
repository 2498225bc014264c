import { ascii } from "../byte-classes.ts";

/**
 * Puts a line together byte by byte: at the edge's full speed a line of text for each request would cost more than
 * the request. What goes in as bytes is JSON already; the caller has seen to the room.
 */
export const put = (out: Uint8Array, at: number, part: Uint8Array): number => {
  const { length } = part;
  for (let i = 0; i < length; i++) out[at++] = part[i]!;
  return at;
};

const zero = 0x30;

/** A whole number, at most 16 digits. */
export const putNumber = (out: Uint8Array, at: number, value: number): number => {
  if (value < 10) {
    out[at] = zero + value;
    return at + 1;
  }
  let digits = 2;
  for (let bound = 100; bound <= value; bound *= 10) digits++;
  let left = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const tenth = Math.floor(left / 10);
    out[i] = zero + (left - tenth * 10);
    left = tenth;
  }
  return at + digits;
};

/** Milliseconds with microseconds behind the point. */
export const putMs = (out: Uint8Array, at: number, ms: number): number => {
  const micros = ms > 0 ? Math.round(ms * 1000) : 0;
  const whole = Math.floor(micros / 1000);
  at = putNumber(out, at, whole);
  out[at++] = 0x2e;
  return putThree(out, at, micros - whole * 1000);
};

export const putThree = (out: Uint8Array, at: number, value: number): number => {
  const hundreds = Math.floor(value / 100);
  const tens = Math.floor((value - hundreds * 100) / 10);
  out[at] = zero + hundreds;
  out[at + 1] = zero + tens;
  out[at + 2] = zero + (value - hundreds * 100 - tens * 10);
  return at + 3;
};

/** A wall clock for lines: asks the system for the date once a second, not once a line. */
export interface LineClock {
  /** Wall time less monotonic time. */
  offsetMs: number;
  second: number;
  /** `2026-11-20T12:34:56.` */
  words: Uint8Array;
}

export const createLineClock = (offsetMs: number): LineClock => ({
  offsetMs,
  second: Number.NaN,
  words: new Uint8Array(),
});

/** Writes the time, 24 bytes: `2026-11-20T12:34:56.789Z`. */
export const putTime = (out: Uint8Array, at: number, clock: LineClock, nowMs: number): number => {
  const wallMs = Math.floor(nowMs + clock.offsetMs);
  const second = Math.floor(wallMs / 1000);
  if (second !== clock.second) {
    clock.second = second;
    clock.words = ascii(new Date(second * 1000).toISOString().slice(0, 20));
  }
  at = put(out, at, clock.words);
  at = putThree(out, at, wallMs - second * 1000);
  out[at] = 0x5a;
  return at + 1;
};
