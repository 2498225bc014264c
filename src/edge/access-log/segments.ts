import { join } from "node:path";

/**
 * A site's access log is a ring of files in one folder, each of a span of time and of a number within it. Every
 * process that writes comes to the same file by itself, by the clock and by the file's size: nothing is renamed and
 * nothing locked, and what all agree on cannot be raced for.
 */
export interface Segment {
  startMs: number;
  number: number;
}

/** Short against the shortest time that lines are kept, since a segment goes as a whole. */
export const spanMs = 3 * 3_600_000;

/** Of the ring's size; the newest one is being filled. */
const segmentsPerRing = 4;
/** What several processes may write past a segment's end before they see that it is full. */
export const slackBytes = 128 * 1024;

export const segmentBytes = (ringBytes: number): number =>
  Math.max(64 * 1024, Math.floor(ringBytes / segmentsPerRing) - slackBytes);

export const segmentAt = (nowMs: number): Segment => ({ startMs: nowMs - (nowMs % spanMs), number: 0 });

/** `20261120T1200-000003.jsonl`: sorts by time. */
export const segmentName = ({ startMs, number }: Segment): string => {
  const iso = new Date(startMs).toISOString();
  const hour = `${iso.slice(0, 4)}${iso.slice(5, 7)}${iso.slice(8, 13)}${iso.slice(14, 16)}`;
  return `${hour}-${String(number).padStart(6, "0")}.jsonl`;
};

/** Null for any other file. */
export const parseSegment = (name: string): Segment | null => {
  const parts = /^(\d{4})(\d{2})(\d{2}T\d{2})(\d{2})-(\d{6,9})\.jsonl$/.exec(name);
  if (parts === null) return null;
  const startMs = Date.parse(`${parts[1]}-${parts[2]}-${parts[3]}:${parts[4]}:00Z`);
  return Number.isNaN(startMs) ? null : { startMs, number: Number(parts[5]) };
};

export const compareSegments = (a: Segment, b: Segment): number =>
  a.startMs - b.startMs || a.number - b.number;

/** Oldest first. */
export const segmentsAmong = (names: readonly string[]): Segment[] =>
  names
    .map(parseSegment)
    .filter((segment) => segment !== null)
    .sort(compareSegments);

/** Where the logs lie in the edge's folder, one folder per environment. */
export const logFolder = (dir: string, environmentId: string): string =>
  join(dir, "access-log", environmentId);

/** An environment's id as a folder's name: nothing that leads elsewhere. */
export const isLogKey = (name: string): boolean => /^[A-Za-z0-9_-]{1,64}$/.test(name);
