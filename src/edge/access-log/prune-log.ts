import { readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import {
  compareSegments,
  type Segment,
  segmentBytes,
  segmentName,
  segmentsAmong,
  slackBytes,
} from "./segments.ts";

/**
 * Removes what the ring has no room for, oldest first, and what is too old. A segment goes when its beginning is as
 * old as lines may become, so none is ever kept longer. Other processes may do the same at the same time.
 * @param filling the segment that is being filled, which is counted as full
 */
export const pruneLog = async (
  folder: string,
  ringBytes: number,
  keptMs: number,
  nowMs: number,
  filling: Segment | null = null,
): Promise<void> => {
  let bytes = filling === null ? 0 : segmentBytes(ringBytes) + slackBytes;
  for (const segment of segmentsAmong(await namesIn(folder)).reverse()) {
    if (filling !== null && compareSegments(segment, filling) >= 0) continue;
    const path = join(folder, segmentName(segment));
    bytes += await stat(path).then(
      ({ size }) => size,
      () => 0,
    );
    if (bytes > ringBytes || segment.startMs + keptMs <= nowMs) await unlink(path).catch(() => {});
  }
};

const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((error: { code?: string }) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
