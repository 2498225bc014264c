import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../domain/log.ts";
import { bucketEnd, monthName } from "../domain/time-bucket.ts";
import type { SamplerState, UsageSample, UsageTotals } from "../domain/usage.ts";
import { type NewSample, openUsageFile, type UsageFile } from "./usage-file.ts";
import type { StoredState } from "./usage-state.ts";

/** Two ticks under one time happen only when the clock went back; a thousand of them, never. */
const mostShifts = 1000;

const monthOf = (fileName: string): string | null => /^(\d{4}-\d{2})\.db$/.exec(fileName)?.[1] ?? null;
const codeOf = (error: unknown): string => (error as { code?: string }).code ?? "";
const siblings = ["", "-wal", "-shm"];

/**
 * Raw usage samples in `folder`, one SQLite file per month in UTC. Everything works at once on this thread.
 * A file that SQLite finds broken is put aside as `<name>.broken-<time>`: figures are worth less than a daemon
 * that starts.
 */
export const openUsageFiles = (folder: string, { log }: { log: Log }) => {
  mkdirSync(folder, { recursive: true });
  const files = new Map<string, UsageFile>();

  const open = (month: string): UsageFile => {
    const path = join(folder, `${month}.db`);
    try {
      return openUsageFile(path);
    } catch (error) {
      if (!["SQLITE_NOTADB", "SQLITE_CORRUPT"].includes(codeOf(error))) throw error;
      log.error("a usage file is broken and was put aside; its samples are lost", { path, error });
      const suffix = `.broken-${Date.now()}`;
      for (const sibling of siblings) {
        try {
          renameSync(path + sibling, path + suffix + sibling);
        } catch (cause) {
          if (codeOf(cause) !== "ENOENT") throw cause;
        }
      }
      return openUsageFile(path);
    }
  };
  const fileOf = (month: string): UsageFile => {
    const known = files.get(month);
    if (known) return known;
    const file = open(month);
    files.set(month, file);
    return file;
  };
  const months = readdirSync(folder)
    .map(monthOf)
    .filter((month) => month !== null);
  for (const month of months.sort()) fileOf(month);

  /** Files that can hold samples of this span, oldest first. */
  const filesBetween = (fromMs: number, toMs: number): UsageFile[] =>
    [...files.keys()]
      .sort()
      .filter((month) => {
        const start = Date.parse(`${month}-01T00:00:00Z`);
        return start < toMs && bucketEnd("month", start) > fromMs;
      })
      .map((month) => files.get(month)!);

  // The present state is the one with the highest sequence number: the clock may have gone back over a month's end.
  let current: { month: string; state: StoredState } | null = null;
  const lateOf = new Map<string, number>();
  for (const [month, file] of files) {
    const state = file.readState();
    if (state === null) continue;
    if (state.lateFromMs !== null) lateOf.set(month, state.lateFromMs);
    if (current === null || state.sequence > current.state.sequence) current = { month, state };
  }
  let lastTickMs = current?.state.atMs ?? null;

  const recordAt = (samples: readonly NewSample[], state: SamplerState): void => {
    const month = monthName(state.atMs);
    const file = fileOf(month);
    const wentBack = lastTickMs !== null && state.atMs < lastTickMs;
    const lateFromMs = wentBack
      ? Math.min(state.atMs, lateOf.get(month) ?? Infinity)
      : (lateOf.get(month) ?? null);
    const stored = { ...state, lateFromMs };
    file.write(samples, stored, current?.month === month ? current.state : null);
    current = { month, state: stored };
    lastTickMs = state.atMs;
    if (lateFromMs !== null) lateOf.set(month, lateFromMs);
  };

  return {
    loadState: (): SamplerState | null => current?.state ?? null,

    record(samples: readonly NewSample[], state: SamplerState): number {
      for (let shift = 0; ; shift++) {
        try {
          recordAt(samples, { ...state, atMs: state.atMs + shift });
          return state.atMs + shift;
        } catch (error) {
          if (codeOf(error) !== "SQLITE_CONSTRAINT_PRIMARYKEY" || shift === mostShifts) throw error;
        }
      }
    },

    lastTickMs: (): number | null => lastTickMs,

    samplesAt: (atMs: number, environmentIds: string[]): UsageSample[] =>
      files.get(monthName(atMs))?.samplesAt(atMs, environmentIds) ?? [],

    samplesOf(
      environmentId: string,
      fromMs: number,
      toMs: number,
      limit = Number.MAX_SAFE_INTEGER,
    ): UsageSample[] {
      let samples: UsageSample[] = [];
      for (const file of filesBetween(fromMs, toMs))
        samples = samples.concat(file.samplesOf(environmentId, fromMs, toMs, limit - samples.length));
      return samples;
    },

    environmentsBetween: (fromMs: number, toMs: number): string[] => [
      ...new Set(filesBetween(fromMs, toMs).flatMap((file) => file.environmentsBetween(fromMs, toMs))),
    ],

    firstSampleMs(fromMs: number): number | null {
      for (const file of filesBetween(fromMs, Infinity)) {
        const first = file.firstSampleMs(fromMs);
        if (first !== null) return first;
      }
      return null;
    },

    totalsBetween(environmentIds: string[], fromMs: number, toMs: number): Map<string, UsageTotals> {
      const totals = new Map<string, UsageTotals>();
      for (const file of filesBetween(fromMs, toMs))
        for (const { environmentId, ...more } of file.totalsBetween(environmentIds, fromMs, toMs)) {
          const sum = totals.get(environmentId);
          if (sum) for (const name of Object.keys(more) as (keyof UsageTotals)[]) sum[name] += more[name];
          else totals.set(environmentId, more);
        }
      return totals;
    },

    requestsByHour(environmentIds: string[], fromMs: number, toMs: number): Map<string, Map<number, number>> {
      const byEnvironment = new Map<string, Map<number, number>>();
      // an hour lies in one month, so no two files add to the same one
      for (const file of filesBetween(fromMs, toMs))
        for (const { environmentId, hour, requests } of file.requestsByHour(environmentIds, fromMs, toMs)) {
          const hours = byEnvironment.get(environmentId) ?? new Map<number, number>();
          byEnvironment.set(environmentId, hours.set(hour, requests));
        }
      return byEnvironment;
    },

    late: (): { fromMs: number; sequence: number } | null =>
      lateOf.size === 0 ? null : { fromMs: Math.min(...lateOf.values()), sequence: current!.state.sequence },

    forgetLate(late: { sequence: number }): void {
      if (current?.state.sequence !== late.sequence) return;
      for (const month of lateOf.keys()) files.get(month)?.forgetLate();
      lateOf.clear();
    },

    removeMonthsBefore(cutoffMs: number): string[] {
      const removed: string[] = [];
      for (const [month, file] of files) {
        const end = bucketEnd("month", Date.parse(`${month}-01T00:00:00Z`));
        if (end > cutoffMs || month === current?.month) continue;
        file.close();
        files.delete(month);
        lateOf.delete(month);
        for (const sibling of siblings) rmSync(file.path + sibling, { force: true });
        removed.push(`${month}.db`);
      }
      return removed;
    },

    /** The open files, for what looks at their query plans. */
    files: (): UsageFile[] => [...files.values()],

    close(): void {
      for (const file of files.values()) file.close();
      files.clear();
    },
  };
};
