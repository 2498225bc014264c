/** Widths of usage rollups, fine to coarse. */
export const bucketResolutions = ["hour", "day", "month"] as const;
export type BucketResolution = (typeof bucketResolutions)[number];

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** Start of the bucket that holds this moment, in UTC: no day has 23 or 25 hours there. */
export const bucketStart = (resolution: BucketResolution, atMs: number): number => {
  switch (resolution) {
    case "hour":
      return Math.floor(atMs / hourMs) * hourMs;
    case "day":
      return Math.floor(atMs / dayMs) * dayMs;
    case "month": {
      const date = new Date(atMs);
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
    }
  }
};

/** Start of the bucket after the one that holds this moment. */
export const bucketEnd = (resolution: BucketResolution, atMs: number): number => {
  const start = bucketStart(resolution, atMs);
  switch (resolution) {
    case "hour":
      return start + hourMs;
    case "day":
      return start + dayMs;
    case "month": {
      const date = new Date(start);
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
    }
  }
};

/** Name of a month in UTC, `2026-03`. */
export const monthName = (atMs: number): string => new Date(atMs).toISOString().slice(0, 7);
