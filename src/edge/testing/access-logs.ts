import type { AccessLine } from "../../domain/access-log.ts";
import type { RouteAccessLog } from "../../domain/edge.ts";
import { flushLog } from "../access-log/log-writer.ts";
import { type LogEntry, openAccessLogs } from "../access-log/read-log.ts";
import type { Edge } from "../state.ts";

export const logInto = (into: string, changes: Partial<RouteAccessLog> = {}): RouteAccessLog => ({
  into,
  detail: "anonymous",
  maxBytes: 8 * 1024 * 1024,
  keptDays: 7,
  ...changes,
});

/** All that is on the disk, oldest first. */
export const entriesOn = async (dir: string, id: string): Promise<LogEntry[]> => {
  const entries: LogEntry[] = [];
  for await (const entry of openAccessLogs(dir).forwards(id)) entries.push(entry);
  return entries;
};

export const linesOn = async (dir: string, id: string): Promise<AccessLine[]> =>
  (await entriesOn(dir, id)).flatMap((entry) => ("line" in entry ? [entry.line] : []));

/** What an edge has logged by now. */
export const linesOf = async ({ traffic }: Edge, id: string): Promise<AccessLine[]> => {
  for (const writer of traffic.writers.values()) await flushLog(writer, traffic);
  return linesOn(traffic.dir!, id);
};

/** Waits for so many lines; who left, or how long a tunnel lasts, is known a moment later. */
export const linesWhen = async (edge: Edge, id: string, count: number): Promise<AccessLine[]> => {
  for (let i = 0; i < 300; i++) {
    const lines = await linesOf(edge, id);
    if (lines.length >= count) return lines;
    await Bun.sleep(10);
  }
  throw new Error(`not ${count} lines, but ${JSON.stringify(await linesOf(edge, id))}`);
};
