import { ascii } from "./byte-classes.ts";

/** The `Date` line of the present second, made once for all answers in it. */
export interface DateLine {
  line: Uint8Array;
  second: number;
}

export const createDateLine = (): DateLine => {
  const date: DateLine = { line: new Uint8Array(), second: -1 };
  keepDate(date, Date.now());
  return date;
};

/** To be called some times a second. */
export const keepDate = (date: DateLine, wallMs: number): void => {
  const second = Math.floor(wallMs / 1000);
  if (second === date.second) return;
  date.second = second;
  date.line = ascii(`Date: ${new Date(wallMs).toUTCString()}\r\n`);
};
