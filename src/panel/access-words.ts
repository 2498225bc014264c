import type { AccessLine } from "../domain/access-log.ts";
import { formatBytes } from "../domain/size.ts";
import { millis } from "./format.ts";

/** One request as a row shows it, in the page as in what comes after it. */
export interface AccessRow {
  at: string;
  status: string;
  tone: "moss" | "sky" | "amber" | "rust" | "quiet";
  request: string;
  took: string;
  size: string;
  from: string;
  /** What else is known, on hover. */
  more: string;
}

export const statusTone = (status: number): AccessRow["tone"] =>
  status >= 500 ? "rust" : status >= 400 ? "amber" : status >= 300 ? "sky" : status >= 200 ? "moss" : "quiet";

export const accessRow = (line: AccessLine): AccessRow => ({
  at: line.time,
  status: String(line.status),
  tone: statusTone(line.status),
  request: `${line.method} ${line.query === undefined ? line.path : `${line.path}?${line.query}`}`,
  took: line.status === 101 ? "" : millis(line.ms),
  size: formatBytes(line.bytesOut),
  from: line.address,
  more: [
    line.aborted ? "broken off" : null,
    line.upstreamMs === undefined
      ? "answered by the edge"
      : `the app began to answer after ${millis(line.upstreamMs)}`,
    `${formatBytes(line.bytesIn)} in`,
    `${line.protocol}${line.tls ? " over TLS" : ""}`,
    `host ${line.host}`,
    line.referer === undefined ? null : `from ${line.referer}`,
    line.userAgent ?? null,
    `id ${line.id}`,
  ]
    .filter((part) => part !== null)
    .join(" · "),
});
