import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { mkdir, readdir, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { latencyText } from "../../domain/latency-histogram.ts";
import { dayMs } from "../../domain/time-bucket.ts";
import type { PathHour, StoredPath } from "../../domain/path-usage.ts";
import { latencyOf, type PathCounts, type PathEntry } from "./path-counts.ts";

/**
 * Counts by path on disk, for the daemon: a file per process and hour, replaced as a whole with what was counted
 * in that hour until then. So a file says the same however often it is read, processes never meet in one, and a daemon
 * that was away finds all of it.
 */
export interface PathStore {
  /**
   * Writes what was counted in the hour, if anything was since the last time; lets others in between.
   * @param taken called for each route right after its counts were read: what is counted later is not in the file
   */
  save(
    hourMs: number,
    counts: ReadonlyMap<string, PathCounts>,
    taken?: (counts: PathCounts) => void,
  ): Promise<void>;
  /** The same at once, at the process's end. */
  saveNow(hourMs: number, counts: ReadonlyMap<string, PathCounts>): void;
}

/** Nobody asks for what is older; the daemon may be away for as long as it likes. */
const keptMs = 9 * dayMs;

/** Removes what no daemon has taken in time. */
export const prunePaths = async (dir: string, nowMs: number): Promise<void> => {
  const folder = pathFolder(dir);
  for (const name of await readdir(folder).catch(() => [])) {
    const hourMs = Number(/^(\d+)-/.exec(name)?.[1]);
    if (hourMs + keptMs < nowMs) await unlink(join(folder, name)).catch(() => {});
  }
};

export const pathFolder = (dir: string): string => join(dir, "path-counts");

/** @param process names this life of the process among all */
export const createPathStore = (dir: string, process: string): PathStore => {
  const folder = pathFolder(dir);
  // Which hour, and how many requests of it, the disk has.
  let saved = "";
  const pathOf = (hourMs: number): string => join(folder, `${hourMs}-${process}.json`);
  return {
    async save(hourMs, counts, taken) {
      const present = stateOf(hourMs, counts);
      const isNew = present !== null && present !== saved;
      if (!isNew && taken === undefined) return;
      const routes: string[] = [];
      let slice = performance.now();
      for (const [id, one] of counts) {
        const text = isNew ? routeText(id, one) : null;
        if (text !== null) routes.push(text);
        taken?.(one);
        if (performance.now() - slice < 2) continue;
        await Bun.sleep(1);
        slice = performance.now();
      }
      if (!isNew) return;
      await mkdir(folder, { recursive: true, mode: 0o750 });
      const path = pathOf(hourMs);
      await writeFile(`${path}.new`, wholeText(hourMs, routes), { mode: 0o640 });
      await rename(`${path}.new`, path);
      saved = present;
    },
    saveNow(hourMs, counts) {
      const present = stateOf(hourMs, counts);
      if (present === null || present === saved) return;
      const routes = [...counts].map(([id, one]) => routeText(id, one)).filter((text) => text !== null);
      mkdirSync(folder, { recursive: true, mode: 0o750 });
      const path = pathOf(hourMs);
      writeFileSync(`${path}.new`, wholeText(hourMs, routes), { mode: 0o640 });
      renameSync(`${path}.new`, path);
      saved = present;
    },
  };
};

const wholeText = (hourMs: number, routes: string[]): string =>
  `{"hourMs":${hourMs},"routes":{${routes.join(",")}}}`;

const routeText = (id: string, { entries, other }: PathCounts): string | null => {
  const paths: StoredPath[] = [];
  for (const entry of entries.values()) if (entry.requests > 0) paths.push(storedOf(entry));
  if (other.requests > 0) paths.push(storedOf(other));
  return paths.length === 0 ? null : `${JSON.stringify(id)}:${JSON.stringify(paths satisfies PathHour)}`;
};

const storedOf = (entry: PathEntry): StoredPath => [
  entry.method,
  entry.pattern,
  entry.requests,
  entry.status2xx,
  entry.status3xx,
  entry.status4xx,
  entry.status5xx,
  entry.bytesIn,
  entry.bytesOut,
  Math.round(entry.latencySumMs * 1000) / 1000,
  latencyText(latencyOf(entry)),
];

/** Changes with each request; null when there was none. */
const stateOf = (hourMs: number, counts: ReadonlyMap<string, PathCounts>): string | null => {
  let sum = 0;
  for (const { entries, other } of counts.values()) {
    sum += other.requests;
    for (const entry of entries.values()) sum += entry.requests;
  }
  return sum === 0 ? null : `${hourMs}:${sum}`;
};
