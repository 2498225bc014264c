import { type AppLogLine, logStreams } from "../domain/app-log.ts";
import { logLevels } from "../domain/deployment.ts";

// One line of the store: `{"t":1763653119123,"l":1,"s":0,"r":"rep_…","n":3,"p":"web","x":"text"}`. Time, level and
// stream stand at places of their own, so that most lines can be passed over without being parsed.
const timeAt = 5;
const levelAt = 23;
const timeDigits = 13;

/** Years 2001 to 2286: thirteen digits. */
const writableTime = (atMs: number): number => Math.min(Math.max(Math.trunc(atMs), 1e12), 1e13 - 1);

export const lineText = (line: AppLogLine): string => {
  const release = line.release === null ? "" : `,"n":${line.release}`;
  const cut = line.cut ? ',"c":1' : "";
  return `{"t":${writableTime(line.atMs)},"l":${logLevels.indexOf(line.level)},"s":${logStreams.indexOf(line.stream)},"r":${JSON.stringify(line.replica)}${release},"p":${JSON.stringify(line.process)}${cut},"x":${JSON.stringify(line.text)}}\n`;
};

/** Where reading each container goes on: the last line of each batch, in the same write. */
export const positionsText = (positions: Record<string, string>): string =>
  `{"p":${JSON.stringify(positions)}}\n`;

export const positionsMark = '{"p":';
const lineMark = '{"t":';

/** Null for what is no record of positions. */
export const parsePositions = (text: string): Record<string, string> | null => {
  if (!text.startsWith(positionsMark)) return null;
  try {
    return (JSON.parse(text) as { p: Record<string, string> }).p;
  } catch {
    return null;
  }
};

/** Time and level of the line that begins here, null when none does. Cheap. */
export const headOf = (bytes: Buffer, start: number): { atMs: number; level: number } | null => {
  if (bytes.toString("latin1", start, start + lineMark.length) !== lineMark) return null;
  const atMs = Number(bytes.toString("latin1", start + timeAt, start + timeAt + timeDigits));
  const level = bytes[start + levelAt]! - 48;
  return Number.isNaN(atMs) || level < 0 || level >= logLevels.length ? null : { atMs, level };
};

/** Null for what is no line: something spoilt the file. */
export const parseLine = (text: string): AppLogLine | null => {
  let raw: Record<string, unknown>;
  try {
    raw = JSON.parse(text) as typeof raw;
  } catch {
    return null;
  }
  const { t, l, s, r, n, p, x, c } = raw;
  const level = logLevels[l as number];
  const stream = logStreams[s as number];
  if (typeof t !== "number" || !level || !stream || typeof x !== "string") return null;
  return {
    atMs: t,
    stream,
    level,
    replica: String(r ?? ""),
    release: typeof n === "number" ? n : null,
    process: String(p ?? "web"),
    text: x,
    cut: c === 1,
  };
};
