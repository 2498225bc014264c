/**
 * An environment's log is a row of files: the newest is written to, those before are compressed. All of them hold
 * lines of JSON, which `line-format.ts` describes.
 */
export interface Segment {
  /** Grows by one from file to file. */
  number: number;
  /** Of its first line when it was begun; of a closed one the earliest and latest of all its lines. UTC ms. */
  fromMs: number;
  toMs: number;
  closed: boolean;
  /** On disk. */
  bytes: number;
}

const digits = (value: number, length: number): string => String(value).padStart(length, "0");

/** `00000012-1763653119123.ndjson`, and once closed `00000012-1763653119123-1763653120000.ndjson.zst`. */
export const segmentName = ({ number, fromMs, toMs, closed }: Segment): string =>
  `${digits(number, 8)}-${digits(fromMs, 13)}${closed ? `-${digits(toMs, 13)}.ndjson.zst` : ".ndjson"}`;

/** Null for any other file. */
export const parseSegment = (name: string, bytes: number): Segment | null => {
  const match = /^(\d{8,12})-(\d{13})(?:-(\d{13})\.ndjson\.zst|\.ndjson)$/.exec(name);
  if (!match) return null;
  const closed = match[3] !== undefined;
  return {
    number: Number(match[1]),
    fromMs: Number(match[2]),
    toMs: closed ? Number(match[3]) : Number.MAX_SAFE_INTEGER,
    closed,
    bytes,
  };
};

/** A boundary between two lines of a log: the number of a segment and how many bytes of it, unpacked, are before. */
export interface Place {
  segment: number;
  offset: number;
}

export const placeText = ({ segment, offset }: Place): string => `${segment}.${offset}`;

/** Null for what is no place. */
export const parsePlace = (text: string): Place | null => {
  const match = /^(\d{1,12})\.(\d{1,12})$/.exec(text);
  return match && { segment: Number(match[1]), offset: Number(match[2]) };
};
